import { describe, expect, it } from "vitest";
import { Cloud } from "../../../lab/cloud/cloud.ts";
import { NO_EFFECTS } from "../../../lab/cloud/effects.ts";
import { UNKNOWN, type Properties } from "../../../lab/cloud/values.ts";
import { openAzureProvider } from "../../../lab/engine/azure-provider.ts";
import { PartlyCreated } from "../../../lab/engine/provider-operations.ts";
import { create, DECLARATIONS, sceneUpTo } from "../cloud/scene.ts";

const NSG = "azure-native:network:NetworkSecurityGroup";
const VNET = "azure-native:network:VirtualNetwork";
const urnOf = (type: string): string => `urn:pulumi:dev::small::${type}::thing`;

function open(cloud = new Cloud(), config: Readonly<Record<string, string>> = {}) {
  const provider = openAzureProvider(cloud, () => config);
  const check = (type: string, inputs: Properties, oldInputs?: Properties, seed = "seed") =>
    provider.check({ urn: urnOf(type), type, inputs, oldInputs, seed });
  return { provider, check };
}

describe("checks", () => {
  it("draw a name from the seed, and keep it", () => {
    const { check } = open(new Cloud(), { location: "westeurope" });
    const first = check(NSG, { resourceGroupName: "rg" });
    const name = String(first.inputs["networkSecurityGroupName"]);
    expect(name).toMatch(/^thing[0-9a-f]{8}$/);
    const again = check(NSG, { resourceGroupName: "rg" }, first.inputs, "another");
    expect(again.inputs).toEqual(first.inputs);
    const replacement = check(NSG, { resourceGroupName: "rg" }, undefined, "another");
    expect(replacement.inputs["networkSecurityGroupName"]).not.toBe(name);
  });

  it("draw a GUID for role assignments and copy names of blobs", () => {
    const { check } = open();
    const role = check("azure-native:authorization:RoleAssignment", { scope: "/x" });
    expect(role.inputs["roleAssignmentName"]).toMatch(
      /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    );
    const blob = check("azure-native:storage:Blob", {});
    expect(blob.inputs["blobName"]).toBe("thing");
  });

  it("take the location from the old inputs, the configuration, or the resource group", async () => {
    const cloud = await sceneUpTo("NetworkSecurityGroup");
    const inputs = { resourceGroupName: "rg" };
    expect(open(cloud).check(NSG, inputs).inputs["location"]).toBe("westeurope");
    const configured = open(cloud, { location: "northeurope" });
    expect(configured.check(NSG, inputs).inputs["location"]).toBe("northeurope");
    const old = configured.check(NSG, inputs, {
      location: "uksouth",
      networkSecurityGroupName: "nsg",
    });
    expect(old.inputs["location"]).toBe("uksouth");
    expect(open(cloud).check(NSG, { resourceGroupName: UNKNOWN }).inputs["location"]).toBe(UNKNOWN);
  });

  it("name what is missing, of the wrong type, or not simulated", () => {
    const { failures } = open().check(NSG, {
      securityRules: [{ name: 1, access: "Allow", direction: "Inbound" }],
      flowLogs: true,
    });
    expect(failures.map(({ property }) => property).toSorted()).toEqual([
      "flowLogs",
      "location",
      "resourceGroupName",
      "securityRules[0].name",
      "securityRules[0].protocol",
    ]);
    expect(failures.find(({ property }) => property === "flowLogs")?.reason).toMatch(
      /^NotSimulated/,
    );
    expect(failures.find(({ property }) => property === "location")?.reason).toContain(
      "pulumi config set azure-native:location",
    );
  });

  it("let unknown values pass", () => {
    const { failures } = open().check(NSG, {
      resourceGroupName: UNKNOWN,
      securityRules: UNKNOWN,
      tags: { owner: "me" },
    });
    expect(failures).toEqual([]);
  });

  it("leave values that Azure does not have to Azure", () => {
    const rule = {
      name: "a",
      access: "Perhaps",
      direction: "Inbound",
      protocol: "Tcp",
      priority: 100,
    };
    const inputs = { resourceGroupName: "rg", location: "westeurope", securityRules: [rule] };
    expect(open().check(NSG, inputs).failures).toEqual([]);
  });
});

describe("differences", () => {
  const diff = (type: string, oldInputs: Properties, newInputs: Properties) =>
    open().provider.diff({ type, oldInputs, newInputs });

  it("are none where only the spelling of the region differs", () => {
    const before = { location: "West Europe", resourceGroupName: "rg" };
    expect(diff(NSG, before, { ...before, location: "westeurope" }).differences).toEqual([]);
  });

  it("say precisely what differs, and replace where Azure cannot change", () => {
    const before = DECLARATIONS.PublicIPAddress;
    const after = { ...before, idleTimeoutInMinutes: 30, sku: { name: "StandardV2" } };
    const { differences, deleteBeforeReplace } = diff(
      "azure-native:network:PublicIPAddress",
      before,
      after,
    );
    expect(differences).toEqual([
      { path: "idleTimeoutInMinutes", kind: "add", replaces: false },
      { path: "sku.name", kind: "update", replaces: true },
    ]);
    // It has a name of its own, which two cannot have at a time.
    expect(deleteBeforeReplace).toBe(true);
  });

  it("create the successor first where the name was drawn", () => {
    const { check } = open(new Cloud(), { location: "westeurope" });
    const { inputs } = check(VNET, { resourceGroupName: "rg" });
    expect(diff(VNET, inputs, { ...inputs, location: "uksouth" }).deleteBeforeReplace).toBe(false);
  });

  it.each([
    [
      "a blob's content",
      "azure-native:storage:Blob",
      DECLARATIONS.Blob,
      { source: { asset: { hash: "6".repeat(64) } } },
    ],
    ["a resource group's name", VNET, DECLARATIONS.VirtualNetwork, { resourceGroupName: "other" }],
    [
      "a machine's region",
      "azure-native:compute:VirtualMachine",
      DECLARATIONS.VirtualMachine,
      { location: "uksouth" },
    ],
  ])("replace for %s", (_, type, before, changes) => {
    const { differences } = diff(type, before, { ...before, ...changes });
    expect(differences.some(({ replaces }) => replaces)).toBe(true);
  });

  it.each([
    ["rules", NSG, DECLARATIONS.NetworkSecurityGroup, { securityRules: [] }],
    [
      "custom data",
      "azure-native:compute:VirtualMachine",
      DECLARATIONS.VirtualMachine,
      { osProfile: {} },
    ],
  ])("try changed %s in place", (_, type, before, changes) => {
    const { differences } = diff(type, before, { ...before, ...changes });
    expect(differences.some(({ replaces }) => replaces)).toBe(false);
    expect(differences.length).toBeGreaterThan(0);
  });
});

describe("previews", () => {
  const request = (type: string, inputs: Properties) => ({
    urn: urnOf(type),
    type,
    inputs,
    secrets: [],
    preview: true,
  });

  it("know what was declared, and not what Azure adds", async () => {
    const { provider } = open();
    const { id, outputs } = await provider.create(request(VNET, DECLARATIONS.VirtualNetwork));
    expect(id).toBe("");
    expect(outputs).not.toHaveProperty("name");
    expect(outputs).not.toHaveProperty("resourceGroupName");
    expect(outputs["addressSpace"]).toEqual({ addressPrefixes: ["10.0.0.0/16"] });
    expect(outputs["subnets"]).toMatchObject([{ id: UNKNOWN, addressPrefix: "10.0.1.0/24" }]);
  });

  it("keep name and location of what exists", async () => {
    const { provider } = open();
    const { id, outputs } = await provider.update({
      ...request(VNET, DECLARATIONS.VirtualNetwork),
      id: "/the/id",
      oldInputs: {},
      oldOutputs: { name: "vnet", location: "westeurope", etag: "old" },
    });
    expect(id).toBe("/the/id");
    expect(outputs).toMatchObject({ name: "vnet", location: "westeurope" });
    expect(outputs).not.toHaveProperty("etag");
  });

  it("change nothing", async () => {
    const cloud = new Cloud();
    const { provider } = open(cloud);
    await provider.create(
      request("azure-native:resources:ResourceGroup", DECLARATIONS.ResourceGroup),
    );
    expect(cloud.state.resources()).toEqual([]);
  });
});

describe("deployments", () => {
  it("report what exists although it failed", async () => {
    const effects = { ...NO_EFFECTS, runCommand: async () => ({ exitCode: 1, output: "broken" }) };
    const cloud = await sceneUpTo("VirtualMachineRunCommandByVirtualMachine", { effects });
    const type = "azure-native:compute:VirtualMachineRunCommandByVirtualMachine";
    const { provider } = open(cloud);
    const failing = provider.create({
      urn: urnOf(type),
      type,
      inputs: DECLARATIONS.VirtualMachineRunCommandByVirtualMachine,
      secrets: [],
      preview: false,
    });
    await expect(failing).rejects.toBeInstanceOf(PartlyCreated);
    await expect(failing).rejects.toMatchObject({
      state: { outputs: { instanceView: { output: "broken" } } },
    });
  });

  it("read what is there and miss what is gone", async () => {
    const cloud = await sceneUpTo("VirtualNetwork");
    const { provider } = open(cloud);
    const { id } = await create(cloud, "VirtualNetwork");
    expect(await provider.read({ id, type: VNET })).toMatchObject({
      id,
      outputs: { name: "vnet" },
    });
    await cloud.delete(id);
    expect(await provider.read({ id, type: VNET })).toBeUndefined();
  });
});
