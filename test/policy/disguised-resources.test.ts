/** Violations of machines, secrets, roles and balancers, in other spellings than one expects. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { judge, type Seen } from "../support/policy-judge.ts";
import {
  assignment,
  balancer,
  base64,
  machine,
  READER,
  resource,
  withUserData,
} from "./resources.ts";

const SECRET = "#cloud-config\nwrite_files: []\nroot_password: Sup3r-Secret-Value\n";

const DISGUISED: readonly (readonly [string, Seen, RegExp])[] = [
  [
    "machines of a scale set with passwords",
    resource("compute:VirtualMachineScaleSet", {
      virtualMachineProfile: machine({ osProfile: { adminPassword: "x", linuxConfiguration: {} } }),
    }),
    /accepts a password/,
  ],
  [
    "machines of a scale set from anywhere",
    resource("compute:VirtualMachineScaleSet", {
      virtualMachineProfile: machine({
        storageProfile: { imageReference: { publisher: "somebody" } },
      }),
    }),
    /image by somebody/,
  ],
  [
    "a trusted launch with its parts switched off",
    resource(
      "compute:VirtualMachine",
      machine({
        securityProfile: {
          securityType: "TrustedLaunch",
          uefiSettings: { secureBootEnabled: false, vTpmEnabled: true },
        },
      }),
    ),
    /without what Trusted Launch is for/,
  ],
  [
    "a password under a longer name",
    withUserData(base64('{"adminPassword": "Sup3r-Secret"}')),
    /secret in userData/,
  ],
  ["a password in a packed document", withUserData(base64(gzipSync(SECRET))), /secret in userData/],
  [
    "a password in a file within the document",
    withUserData(
      base64(`#cloud-config\nwrite_files:\n  - {encoding: b64, content: ${base64(SECRET)}}\n`),
    ),
    /secret in userData/,
  ],
  [
    "a password in a packed file within a packed document",
    withUserData(base64(gzipSync(`content: ${base64(gzipSync(SECRET))}`))),
    /secret in userData/,
  ],
  [
    "a password in user data of a scale set",
    resource("compute:VirtualMachineScaleSet", {
      virtualMachineProfile: machine({ userData: base64(SECRET) }),
    }),
    /secret in userData/,
  ],
  [
    "a key in the settings of an extension",
    resource("compute:VirtualMachineExtension", {
      settings: { storage: { "account-access-key": "abcdefghijklmnop0123" } },
    }),
    /secret in settings/,
  ],
  [
    "a password in a script",
    resource("compute:VirtualMachineRunCommandByVirtualMachine", {
      source: { script: "mysql --password='hunter2-hunter2'" },
    }),
    /secret in source/,
  ],
  [
    "a password in an open parameter, beside its name",
    resource("compute:VirtualMachineRunCommandByVirtualMachine", {
      parameters: [{ name: "adminPassword", value: "hunter2-hunter2" }],
    }),
    /secret in parameters/,
  ],
  [
    "a password in a script for one machine of a scale set",
    resource("compute:VirtualMachineScaleSetVMRunCommand", {
      source: { script: "mysql --password=hunter2-hunter2" },
    }),
    /secret in source/,
  ],
  [
    "a role over a management group",
    assignment(READER, "/providers/Microsoft.Management/managementGroups/all"),
    /is for all of/,
  ],
  [
    "a role that may give itself any other",
    assignment(
      "F58310D9-A9F6-439A-9E8D-F62E7B41A168",
      "/subscriptions/s/resourceGroups/g/providers/x/y/z",
    ),
    /gives the role Role Based Access Control Administrator/,
  ],
  [
    "Owner by another name",
    resource("authorization:RoleDefinition", { permissions: [{ actions: ["*"] }] }),
    /may do everything/,
  ],
  [
    "a vault that forgets",
    resource("keyvault:Vault", {
      properties: {
        enableRbacAuthorization: true,
        enablePurgeProtection: true,
        enableSoftDelete: false,
      },
    }),
    /loses its secrets/,
  ],
  [
    "a pool of NAT rules that translates",
    balancer({
      inboundNatPools: [
        {
          name: "p",
          frontendPortRangeStart: 50000,
          frontendPortRangeEnd: 50009,
          backendPort: 21,
          enableTcpReset: true,
        },
      ],
    }),
    /turns port 50000 into 21/,
  ],
  [
    "ports of a balancer as text",
    balancer({
      inboundNatRules: [
        { name: "p", frontendPort: "2121", backendPort: "21", enableTcpReset: true },
      ],
    }),
    /turns port 2121 into 21/,
  ],
];

describe("a violation in disguise", () => {
  it.each(DISGUISED)("%s is found out", async (_, disguised, words) => {
    expect((await judge([disguised], { config: { environment: "prod" } })).join("\n")).toMatch(
      words,
    );
  });
});
