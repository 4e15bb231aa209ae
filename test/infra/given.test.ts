/** Stacks in somebody else's network, zone and workspace: what they make, and what they leave alone. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SettingsInput } from "#contract";
import { collectArtefacts } from "../../cli/exposure/artefacts.ts";
import { readExposure } from "../../infra/plan/exposure.ts";
import { Cloud, resourceTypeOf } from "../../lab/cloud/cloud.ts";
import { LAB_SUBSCRIPTION } from "../../lab/cloud/identifiers.ts";
import type { Properties } from "../../lab/cloud/values.ts";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import { evaluateProgram, resourceOf } from "../support/program.ts";

const SHARED = `/subscriptions/${LAB_SUBSCRIPTION}/resourceGroups/shared/providers`;
const NETWORK = `${SHARED}/Microsoft.Network/virtualNetworks/hub`;
const WORKSPACE = `${SHARED}/Microsoft.OperationalInsights/workspaces/company-logs`;
const ZONE = `${SHARED}/Microsoft.Network/dnszones/example.com`;
const OFF: SettingsInput = { probe: { mode: "off" } };

/** What the company has already. */
const COMPANY: readonly (readonly [string, Properties])[] = [
  ["resources:ResourceGroup", { resourceGroupName: "shared", location: "westeurope" }],
  [
    "network:VirtualNetwork",
    {
      resourceGroupName: "shared",
      location: "westeurope",
      virtualNetworkName: "hub",
      addressSpace: { addressPrefixes: ["10.20.0.0/16"] },
      subnets: [{ name: "ftp", addressPrefix: "10.20.9.0/24" }],
    },
  ],
  [
    "operationalinsights:Workspace",
    { resourceGroupName: "shared", location: "westeurope", workspaceName: "company-logs" },
  ],
  ["dns:Zone", { resourceGroupName: "shared", location: "global", zoneName: "example.com" }],
];

describe("a stack that is given", () => {
  let evaluator: Evaluator;
  let labFolder: string;

  beforeAll(async () => {
    evaluator = new Evaluator();
    labFolder = await mkdtemp(join(tmpdir(), "gangway-given-"));
    const cloud = new Cloud({ folder: labFolder });
    for (const [token, inputs] of COMPANY) {
      await cloud.create({ type: resourceTypeOf(`azure-native:${token}`), inputs, secrets: [] });
    }
  });
  afterAll(async () => {
    await evaluator[Symbol.asyncDispose]();
    await rm(labFolder, { recursive: true, force: true });
  });

  const up = (settings: SettingsInput) =>
    evaluateProgram(evaluator, { ...OFF, ...settings }, { operation: "up", labFolder });
  const typesOf = (result: Awaited<ReturnType<typeof up>>) =>
    result.resources.map(({ type, name }) => `${type.replace("azure-native:", "")} ${name}`);

  it("a subnet makes no network, and shows that its security group is not ours", async () => {
    const result = await up({ network: { subnetId: `${NETWORK}/subnets/ftp` } });
    expect(typesOf(result).filter((type) => /VirtualNetwork|Subnet|subnet-nsg/.test(type))).toEqual(
      [],
    );
    const [subnet, nic] = readExposure(collectArtefacts(result.resources));
    expect(subnet?.note).toContain("network.subnetId");
    expect(nic?.ranges).toContain("50000-50099");
    const { inputs } = resourceOf(result, "azure-native:network:NetworkInterface");
    expect(JSON.stringify(inputs)).toContain(`${NETWORK}/subnets/ftp`);
  });

  it("a network makes its own subnet and security group in it", async () => {
    const result = await up({ network: { virtualNetworkId: NETWORK } });
    expect(typesOf(result)).toContain("network:Subnet subnet");
    expect(typesOf(result)).toContain("network:NetworkSecurityGroup subnet-nsg");
    expect(typesOf(result).join()).not.toContain("VirtualNetwork network");
    const { inputs } = resourceOf(result, "azure-native:network:Subnet");
    expect(inputs).toMatchObject({
      resourceGroupName: "shared",
      virtualNetworkName: "hub",
      subnetName: "gangway-dev-machine",
      defaultOutboundAccess: false,
    });
    // Its owner's other subnet is still there.
    expect(new Cloud({ folder: labFolder }).read(`${NETWORK}/subnets/ftp`)).toBeDefined();
  });

  it("a network has Bastion put its subnet there", async () => {
    const sshPublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada";
    const result = await up({
      network: { virtualNetworkId: NETWORK },
      bastion: { mode: "basic", sshPublicKey },
    });
    expect(typesOf(result)).toContain("network:Subnet bastion-subnet");
    const rules = JSON.stringify(
      resourceOf(result, "azure-native:network:NetworkSecurityGroup", "nic-nsg").inputs,
    );
    expect(rules).toContain("AllowBastionToSsh");
  });

  it("a zone makes an alias record that follows the address, and names the server by it", async () => {
    const result = await up({ dns: { zoneId: ZONE, recordName: "files" } });
    const { inputs } = resourceOf(result, "azure-native:dns:RecordSet");
    const address = resourceOf(result, "azure-native:network:PublicIPAddress", "address");
    expect(inputs).toMatchObject({ zoneName: "example.com", relativeRecordSetName: "files" });
    expect(inputs["targetResource"]).toEqual({ id: address.id });
    expect(JSON.stringify(result.outputs["explicitTlsUrl"])).toContain("files.example.com");
  });

  it("a workspace makes none, and asks only about its own machine there", async () => {
    const result = await up({
      monitoring: { mode: "on", workspaceId: WORKSPACE, emailAddresses: ["a@example.com"] },
    });
    expect(typesOf(result).join()).not.toContain("Workspace");
    const machine = resourceOf(result, "azure-native:compute:VirtualMachine");
    const alerts = result.resources.filter(({ type }) => type.endsWith(":ScheduledQueryRule"));
    expect(alerts.map(({ name }) => name.replace("alert-", "")).toSorted()).toEqual([
      "certificate",
      "certificate-agent",
      "disk",
      "passive-ports",
      "refused-logons",
      "restarted",
      "unreachable",
    ]);
    for (const { inputs } of alerts) {
      expect(inputs["scopes"]).toEqual([WORKSPACE]);
      expect(JSON.stringify(inputs["criteria"])).toContain(String(machine.id));
    }
  });

  it("something that is not there is Azure's to refuse", async () => {
    const workspaceId = WORKSPACE.replace("company-logs", "elsewhere");
    await expect(up({ monitoring: { mode: "on", workspaceId } })).rejects.toThrow(
      /ResourceNotFound.*elsewhere/,
    );
  });
});
