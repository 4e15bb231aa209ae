/** Violations in other spellings than one expects: text for numbers, pieces for wholes, nested, packed. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { judge, type Properties, type Seen } from "../support/policy-judge.ts";

const resource = (type: string, properties: Properties): Seen => ({
  type: type.startsWith("azure-native") ? type : `azure-native:${type}`,
  name: "subject",
  urn: "urn:subject",
  inputs: properties,
  outputs: properties,
});

const rule = (more: Properties): Properties => ({
  name: "Disguised",
  priority: 100,
  direction: "Inbound",
  access: "Allow",
  protocol: "Tcp",
  sourcePortRange: "*",
  sourceAddressPrefix: "*",
  destinationAddressPrefix: "*",
  ...more,
});
const without = (key: string, properties: Properties): Properties =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => name !== key));
const group = (...rules: readonly Properties[]) =>
  resource("network:NetworkSecurityGroup", { securityRules: rules });

/** One of every sort: 256 blocks, each small enough to be an organisation's. */
const BLOCKS = Array.from({ length: 256 }, (_, first) => `${String(first)}.0.0.0/8`);
const DENY_SSH = rule({
  name: "NoSsh",
  priority: 90,
  access: "Deny",
  destinationPortRange: "22",
});
const SSH = rule({ destinationPortRange: "22" });
const base64 = (content: string | Buffer): string => Buffer.from(content).toString("base64");
const SECRET = "#cloud-config\nwrite_files: []\nroot_password: Sup3r-Secret-Value\n";
const machine = (more: Properties): Properties => ({
  osProfile: {
    linuxConfiguration: {
      disablePasswordAuthentication: true,
      patchSettings: { patchMode: "AutomaticByPlatform" },
    },
  },
  securityProfile: { securityType: "TrustedLaunch" },
  diagnosticsProfile: { bootDiagnostics: { enabled: true } },
  storageProfile: {
    imageReference: { publisher: "Canonical", offer: "o", sku: "s", version: "1.2.3" },
  },
  ...more,
});
const withUserData = (userData: string) =>
  resource("compute:VirtualMachine", machine({ userData }));
const balancer = (more: Properties) => resource("network:LoadBalancer", more);
const assignment = (role: string, scope: string) =>
  resource("authorization:RoleAssignment", { roleDefinitionId: `/x/${role}`, scope });
const READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

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

/** What looks like a violation and is none. */
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
