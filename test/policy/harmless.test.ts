/** What looks like a violation and is none. */
import { describe, expect, it } from "vitest";
import { judge, type Seen } from "../support/policy-judge.ts";
import {
  assignment,
  base64,
  DENY_SSH,
  group,
  machine,
  READER,
  resource,
  rule,
  SSH,
  withUserData,
} from "./resources.ts";

const HARMLESS: readonly (readonly [string, Seen, string])[] = [
  [
    "ICMP, which has no ports",
    group(rule({ protocol: "Icmp", destinationPortRange: "*" })),
    "inbound-rules-name-their-ports",
  ],
  [
    "SSH that is denied to everyone before",
    group(DENY_SSH, SSH),
    "no-administration-from-the-internet",
  ],
  [
    "SSH that is denied to the internet before",
    group({ ...DENY_SSH, sourceAddressPrefix: "Internet" }, SSH),
    "no-administration-from-the-internet",
  ],
  [
    "SSH from a few blocks",
    group(
      rule({
        sourceAddressPrefix: "",
        sourceAddressPrefixes: ["198.51.100.0/24", "203.0.113.0/24", "10.0.0.0/8"],
        destinationPortRange: "22",
      }),
    ),
    "no-administration-from-the-internet",
  ],
  [
    "a confidential machine",
    resource(
      "compute:VirtualMachine",
      machine({ securityProfile: { securityType: "ConfidentialVM" } }),
    ),
    "machines-are-hardened",
  ],
  [
    "a script that takes a password from its environment",
    resource("compute:VirtualMachineRunCommandByVirtualMachine", {
      source: { script: 'login --password="$password"; PASSWORD=$(cat file)' },
    }),
    "user-data-holds-no-secrets",
  ],
  [
    "a setting about passwords",
    withUserData(
      base64("PasswordAuthentication no\nlock_passwd: true\nchpasswd: {expire: false}\n"),
    ),
    "user-data-holds-no-secrets",
  ],
  [
    "a role on one resource",
    assignment(READER, "/subscriptions/s/resourceGroups/g/providers/x/y/z"),
    "roles-are-narrow",
  ],
];

describe("no violation", () => {
  it.each(HARMLESS)("is %s", async (_, harmless, policy) => {
    const findings = await judge([harmless], { config: { environment: "prod" } });
    expect(findings.filter((finding) => finding.startsWith(`${policy}:`))).toEqual([]);
  });
});
