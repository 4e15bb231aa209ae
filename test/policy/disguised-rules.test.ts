/** Security rules in other spellings than one expects: text for numbers, pieces for wholes, nested. */
import { describe, expect, it } from "vitest";
import { judge, type Seen } from "../support/policy-judge.ts";
import { DENY_SSH, group, resource, rule, SSH, without } from "./resources.ts";

/** One of every sort: 256 blocks, each small enough to be an organisation's. */
const BLOCKS = Array.from({ length: 256 }, (_, first) => `${String(first)}.0.0.0/8`);

const DISGUISED: readonly (readonly [string, Seen, RegExp])[] = [
  ["SSH as a number", group(rule({ destinationPortRange: 22 })), /port 22, to the internet/],
  ["SSH in a list of numbers", group(rule({ destinationPortRanges: [443, 22] })), /port 22/],
  ["SSH behind a comma", group(rule({ destinationPortRange: "443,20-25" })), /port 22/],
  ["ports that nobody can read", group(rule({ destinationPortRange: "Any" })), /port 22/],
  ["spaces around a range", group(rule({ destinationPortRange: " 20 - 30 " })), /port 22/],
  [
    "words in lower case",
    group(
      rule({
        direction: "inbound",
        access: "allow",
        protocol: "tcp",
        destinationPortRange: "3389",
      }),
    ),
    /port 3389/,
  ],
  ["RDP over UDP", group(rule({ protocol: "Udp", destinationPortRange: "3389" })), /port 3389/],
  [
    "SSH from 256 blocks",
    group(
      rule({ sourceAddressPrefix: "", sourceAddressPrefixes: BLOCKS, destinationPortRange: "22" }),
    ),
    /port 22/,
  ],
  [
    "SSH from half of IPv6",
    group(rule({ sourceAddressPrefix: "8000::/1", destinationPortRange: "22" })),
    /port 22/,
  ],
  [
    "SSH from IPv6 in other words",
    group(rule({ sourceAddressPrefix: "0::0/0", destinationPortRange: "22" })),
    /port 22/,
  ],
  [
    "SSH from whoever rents in a region",
    group(rule({ sourceAddressPrefix: "azurecloud.NorthEurope", destinationPortRange: "22" })),
    /port 22/,
  ],
  [
    "a denial of SSH for one address only",
    group({ ...DENY_SSH, destinationAddressPrefix: "10.9.9.9" }, SSH),
    /port 22/,
  ],
  [
    "a denial of SSH from one port only",
    group({ ...DENY_SSH, sourcePortRange: "1024" }, SSH),
    /port 22/,
  ],
  [
    "a denial of SSH for one group of machines",
    group(
      {
        ...without("destinationAddressPrefix", DENY_SSH),
        destinationApplicationSecurityGroups: [{ id: "a" }],
      },
      SSH,
    ),
    /port 22/,
  ],
  [
    "every port in two pieces",
    group(rule({ destinationPortRanges: ["0-30000", "30001-65535"] })),
    /opens every port/,
  ],
  [
    "every port in numbers and pieces",
    group(rule({ destinationPortRanges: ["1-21", 22, "23-65535"] })),
    /opens every port/,
  ],
  [
    "the port on the wrong side, as a number",
    group(rule({ sourcePortRange: 21, destinationPortRange: "21" })),
    /only connections from source port 21/,
  ],
  [
    "a denial of everything, for one address",
    group(
      rule({
        access: "Deny",
        protocol: "*",
        destinationPortRange: "*",
        destinationAddressPrefix: "10.0.1.4",
      }),
    ),
    /does not end with a rule that denies/,
  ],
  [
    "a denial of SSH for IPv6 only",
    group({ ...DENY_SSH, sourceAddressPrefix: "::/0" }, SSH),
    /port 22/,
  ],
  [
    "a denial of SSH in the group of another subnet",
    resource("network:VirtualNetwork", {
      subnets: [DENY_SSH, SSH].map((only, index) => ({
        name: String(index),
        defaultOutboundAccess: false,
        networkSecurityGroup: { securityRules: [only] },
      })),
    }),
    /port 22/,
  ],
  ...["Internet", "::/0"].map(
    (source) =>
      [
        `a denial of everything, from ${source} only`,
        group(
          rule({ sourceAddressPrefix: "AzureLoadBalancer", destinationPortRange: "8021" }),
          rule({
            priority: 4096,
            access: "Deny",
            protocol: "*",
            sourceAddressPrefix: source,
            destinationPortRange: "*",
          }),
        ),
        /does not end with a rule that denies/,
      ] as const,
  ),
  [
    "rules of a group within an interface",
    resource("network:NetworkInterface", { networkSecurityGroup: { securityRules: [SSH] } }),
    /port 22/,
  ],
  [
    "rules of a group within a subnet of a network",
    resource("network:VirtualNetwork", {
      subnets: [
        { name: "a", defaultOutboundAccess: false, networkSecurityGroup: { securityRules: [SSH] } },
      ],
    }),
    /port 22/,
  ],
  [
    "a package made for one API version",
    resource("azure-native_network_v20230901:network:NetworkSecurityGroup", {
      securityRules: [SSH],
    }),
    /port 22/,
  ],
  [
    "a rule of its own in an old API version",
    resource("network/v20190401:SecurityRule", SSH),
    /port 22/,
  ],
];

describe("a violation in disguise", () => {
  it.each(DISGUISED)("%s is found out", async (_, disguised, words) => {
    expect((await judge([disguised], { config: { environment: "prod" } })).join("\n")).toMatch(
      words,
    );
  });
});
