/** Hostile variants of the real program, and programs of others: what the pack says, and what not. */
import { beforeAll, describe, expect, it } from "vitest";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import {
  judge,
  mutate,
  mutateRule,
  mutateRules,
  seen,
  type Properties,
  type Seen,
} from "../support/policy-judge.ts";
import { PRODUCTION } from "../support/production.ts";
import { evaluateProgram } from "../support/program.ts";

const PROD = { config: { environment: "prod" } };

/** A resource that somebody added. */
const added = (type: string, name: string, properties: Properties): Seen => ({
  type: `azure-native:${type}`,
  name,
  urn: `urn:${name}`,
  inputs: properties,
  outputs: properties,
});

const allow = (more: Properties): Properties => ({
  name: "Extra",
  priority: 90,
  direction: "Inbound",
  access: "Allow",
  protocol: "Tcp",
  sourcePortRange: "*",
  sourceAddressPrefix: "10.0.0.0/8",
  destinationAddressPrefix: "*",
  destinationPortRange: "8443",
  ...more,
});

describe("hostile variants of the program", () => {
  let deployed: readonly Seen[];
  let previewed: readonly Seen[];

  beforeAll(async () => {
    await using evaluator = new Evaluator();
    const settings = {
      ...PRODUCTION,
      certificate: { keyVaultSecretId: PRODUCTION.certificate.keyVaultSecretId },
      probe: { mode: "off" },
      bastion: { mode: "standard", sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada" },
    } as const;
    // Protection is an option, which evaluations do not tell; the lifecycle tests look at it.
    const evaluate = async (operation: "up" | "preview") => {
      const { resources } = await evaluateProgram(evaluator, settings, { operation });
      return resources
        .map(seen)
        .map((resource) => ({ ...resource, opts: { protect: resource.name === "address" } }));
    };
    deployed = await evaluate("up");
    const address = { urn: deployed.find(({ name }) => name === "bastion-address")?.urn };
    previewed = (await evaluate("preview")).map((resource) =>
      resource.name === "bastion" ? { ...resource, dependencies: [address] } : resource,
    );
  });

  it("pass as they are, Bastion, alerts and backup included", async () => {
    expect(await judge(deployed, PROD)).toEqual([]);
    expect(await judge(previewed, { ...PROD, preview: true })).toEqual([]);
  });

  const withRule = (rule: Properties) => mutateRules(deployed, (rules) => [...rules, rule]);

  it.each<readonly [string, Properties, RegExp]>([
    ["every port as *", { destinationPortRange: "*" }, /opens every port/],
    ["every port from 0", { destinationPortRange: "0-65535" }, /opens every port/],
    ["a range around SSH", { sourceAddressPrefix: "*", destinationPortRange: "0-1023" }, /port 22/],
    [
      "SSH in the middle of a list",
      {
        sourceAddressPrefix: undefined,
        sourceAddressPrefixes: ["198.51.100.7", "0.0.0.0/0"],
        destinationPortRange: undefined,
        destinationPortRanges: ["21", "20-30"],
      },
      /port 22/,
    ],
    ...[
      "Any",
      "INTERNET",
      "::/0",
      "0.0.0.0/1",
      "2000::/3",
      "AzureCloud",
      "AzureCloud.westeurope",
    ].map(
      (source) =>
        [
          `SSH from ${source}`,
          { sourceAddressPrefix: source, destinationPortRange: "22" },
          /port 22, to the internet/,
        ] as const,
    ),
    [
      "RDP by any protocol",
      { protocol: "*", sourceAddressPrefix: "*", destinationPortRange: "3389" },
      /3389/,
    ],
    [
      "a denial before the clients",
      { access: "Deny", sourceAddressPrefix: "*", destinationPortRange: "21" },
      /lacks 21/,
    ],
    ["one more port, for a few", {}, /has 8443 too much/],
  ])("with %s are found out", async (_, rule, words) => {
    expect((await judge(withRule(allow(rule)), PROD)).join("\n")).toMatch(words);
  });

  it("with a rule as a resource of its own are found out, by name of the group", async () => {
    const group = deployed.find(({ name }) => name === "nic-nsg");
    const rule = added("network:SecurityRule", "own", {
      ...allow({}),
      networkSecurityGroupName: group?.outputs["name"],
    });
    const findings = (await judge([...deployed, rule], PROD)).join("\n");
    expect(findings).toMatch(/nic-nsg has 8443 too much/);
    expect(findings).toMatch(/Rule Extra is a resource of its own beside the inline rules/);
    expect(findings).not.toMatch(/subnet-nsg has 8443/);
  });

  it("with SSH from more than Bastion are found out", async () => {
    const open = mutateRule(deployed, "AllowBastionToSsh", { sourceAddressPrefix: "10.20.0.0/16" });
    expect((await judge(open, PROD)).join("\n")).toMatch(/has 22 too much/);
  });

  it("do not alarm about administration that an earlier rule denies to everyone", async () => {
    const rules = [
      allow({
        name: "NoSsh",
        priority: 80,
        access: "Deny",
        sourceAddressPrefix: "*",
        destinationPortRange: "22",
      }),
      allow({ name: "Moot", sourceAddressPrefix: "*", destinationPortRange: "22" }),
    ];
    const changed = mutateRules(deployed, (own) => [...own, ...rules]);
    expect((await judge(changed, PROD)).join("\n")).not.toMatch(/no-administration/);
    const late = [{ ...rules[0], priority: 95 }, rules[1] ?? {}];
    const open = mutateRules(deployed, (own) => [...own, ...late]);
    expect((await judge(open, PROD)).join("\n")).toMatch(/no-administration/);
  });

  it.each<readonly [string, string, Properties, RegExp]>([
    ["a Basic address", ":PublicIPAddress", { sku: { name: "Basic" } }, /not of SKU Standard/],
    [
      "a dynamic address",
      ":PublicIPAddress",
      { publicIPAllocationMethod: "Dynamic" },
      /not static/,
    ],
    ["public blobs", ":StorageAccount", { allowBlobPublicAccess: true }, /allows public blobs/],
    ["old TLS", ":StorageAccount", { minimumTlsVersion: "TLS1_1" }, /TLS before 1\.2/],
    ["a public container", ":BlobContainer", { publicAccess: "Container" }, /is public/],
    [
      "the latest image",
      ":VirtualMachine",
      {
        storageProfile: {
          imageReference: { publisher: "Canonical", offer: "o", sku: "s", version: "latest" },
        },
      },
      /latest image/,
    ],
    [
      "a password",
      ":VirtualMachine",
      {
        osProfile: {
          adminPassword: "x",
          linuxConfiguration: { disablePasswordAuthentication: true },
        },
      },
      /accepts a password/,
    ],
    [
      "a longer silence than the address allows",
      ":PublicIPAddress",
      { idleTimeoutInMinutes: 1 },
      /keepalive of 60 s/,
    ],
    [
      "a role for the whole group",
      ":RoleAssignment",
      {
        roleDefinitionId: "/x/4633458b-17de-408a-b874-0445c86b69e6",
        scope: "/subscriptions/s/resourceGroups/g",
      },
      /is for all of/,
    ],
    ["alerts that are off", ":ActionGroup", { enabled: false }, /switched off/],
    ["alerts to nobody", ":ActionGroup", { emailReceivers: [] }, /tells nobody/],
    [
      "alerts in the clear",
      ":ActionGroup",
      { webhookReceivers: [{ name: "w", serviceUri: "http://hooks.example.com" }] },
      /in the clear/,
    ],
    [
      "a secret for an extension, in the open",
      ":VirtualMachineExtension",
      { settings: { commandToExecute: "login --password=hunter22" } },
      /looks like a secret in settings/,
    ],
  ])("with %s are found out", async (_, type, change, words) => {
    const changed = mutate(deployed, type, (properties) => ({ ...properties, ...change }));
    expect((await judge(changed, PROD)).join("\n")).toMatch(words);
  });

  it("without alerts or backup are found out in production, and only there", async () => {
    const without = (pattern: RegExp) => deployed.filter(({ type }) => !pattern.test(type));
    const quiet = without(/MetricAlert|ScheduledQueryRule/);
    expect((await judge(quiet, PROD)).join("\n")).toMatch(/No alert watches machine/);
    const unsaved = without(/BackupInstance/);
    expect((await judge(unsaved, PROD)).join("\n")).toMatch(/data disks without a backup/);
    expect(await judge(unsaved)).toEqual([]);
    // A preview does not know the disk's id, and says so all the same.
    const planned = previewed.filter(({ type }) => !/BackupInstance/.test(type));
    const findings = await judge(planned, { ...PROD, preview: true });
    expect(findings.join("\n")).toMatch(/data disks without a backup/);
  });

  it("with an unprotected address are found out; Bastion's own may come and go", async () => {
    const bare = deployed.map((resource) => ({ ...resource, opts: { protect: false } }));
    const findings = (await judge(bare, PROD)).filter((text) =>
      text.includes("address-is-protected"),
    );
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(/: address is not protected/);
  });
});

/** Resources as Pulumi's public examples declare them, in their spelling. */
const WEB_SERVER: readonly Seen[] = [
  added("network:VirtualNetwork", "server-network", {
    addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
    subnets: [{ name: "default", addressPrefix: "10.0.1.0/24" }],
  }),
  added("network:PublicIPAddress", "server-ip", { publicIPAllocationMethod: "Dynamic" }),
  added("compute:VirtualMachine", "server-vm", {
    osProfile: {
      adminPassword: "hidden",
      customData: Buffer.from("#!/bin/bash\necho hello > index.html\n").toString("base64"),
      linuxConfiguration: { disablePasswordAuthentication: false },
    },
    storageProfile: {
      imageReference: {
        publisher: "canonical",
        offer: "UbuntuServer",
        sku: "16.04-LTS",
        version: "latest",
      },
    },
  }),
];

describe("programs of others", () => {
  it("get what is wrong with azure-ts-webserver, and nothing about FTP", async () => {
    const policies = (await judge(WEB_SERVER)).map((finding) => finding.split(":")[0]);
    expect([...new Set(policies)].toSorted()).toEqual([
      "machines-are-hardened",
      "public-address-is-static-and-zonal",
      "subnets-are-private-by-default",
    ]);
  });

  it("hear nothing about private storage and narrow roles in other words", async () => {
    const site = [
      added("storage/v20230101:StorageAccount", "site", {
        kind: "StorageV2",
        sku: { name: "Standard_LRS" },
        minimumTlsVersion: "TLS1_2",
        allowSharedKeyAccess: false,
      }),
      added("authorization:RoleAssignment", "pull", {
        roleDefinitionId: "/x/7f951dda-4ed3-4680-a7ca-43fe172d538d",
        scope:
          "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r",
      }),
      added("network:NetworkSecurityGroup", "empty", { securityRules: [] }),
    ];
    expect(await judge(site, PROD)).toEqual([]);
  });
});
