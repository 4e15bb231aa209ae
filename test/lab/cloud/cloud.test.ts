import { mkdtempDisposable, readFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Cloud, plainToken, resourceTypeOf } from "../../../lab/cloud/cloud.ts";
import { NO_EFFECTS, type CloudEffects } from "../../../lab/cloud/effects.ts";
import { NotSimulated, ProvisioningFailed } from "../../../lab/cloud/errors.ts";
import { callFunction } from "../../../lab/cloud/functions.ts";
import type { CloudState } from "../../../lab/cloud/state.ts";
import { create, GROUP, idOf, refusal, sceneUpTo, update, wholeScene } from "./scene.ts";

describe("what the lab does not simulate", () => {
  it("names an unknown type", () => {
    expect(() => resourceTypeOf("azure-native:network:NatGateway")).toThrow(NotSimulated);
    expect(() => resourceTypeOf("azure-native:network:NatGateway")).toThrow(
      "azure-native:network:NatGateway",
    );
  });

  it("names an unknown property, however deep", async () => {
    const cloud = await sceneUpTo("VirtualNetwork");
    const deep = create(cloud, "VirtualNetwork", {
      subnets: [{ name: "a", addressPrefix: "10.0.0.0/24", natGateway: { id: "x" } }],
    });
    expect(await refusal(deep)).toBe("NotSimulated subnets[0].natGateway");
  });

  it("names an unknown function or argument", () => {
    const state = new Cloud().state;
    const call =
      (token: string, args = {}) =>
      () =>
        callFunction(token, args, state);
    expect(call("azure-native:network:listBastions")).toThrow("listBastions");
    expect(call("azure-native:authorization:getClientConfig", { region: "x" })).toThrow("region");
  });

  it("reads types with a version as the type", () => {
    const plain = "azure-native:network:Subnet";
    expect(plainToken("azure-native:network/v20240501:Subnet")).toBe(plain);
    expect(plainToken("azure-native:network/v20240501preview:Subnet")).toBe(plain);
    expect(plainToken("azure-native_network_v20240501:network:Subnet")).toBe(plain);
    expect(plainToken(plain)).toBe(plain);
  });
});

describe("places", () => {
  it("refuses an unknown region and takes both spellings of a known one", async () => {
    const cloud = new Cloud();
    const inRegion = (location: string) => refusal(update(cloud, "ResourceGroup", { location }));
    expect(await inRegion("atlantis")).toBe("LocationNotAvailableForResourceType");
    expect(await inRegion("West Europe")).toBe("accepted");
    expect(await inRegion("westeurope")).toBe("accepted");
    expect(await inRegion("northeurope")).toBe("InvalidResourceLocation");
  });

  it("refuses a missing resource group, and a name that Azure refuses", async () => {
    expect(await refusal(create(new Cloud(), "VirtualNetwork"))).toBe("ResourceGroupNotFound");
    const named = (resourceGroupName: string) =>
      refusal(create(new Cloud(), "ResourceGroup", { resourceGroupName }));
    expect(await named("ends.")).toBe("InvalidResourceGroupName");
    expect(await named("a".repeat(91))).toBe("InvalidResourceGroupName");
  });

  it("finds ids without regard to case", async () => {
    const cloud = await sceneUpTo("VirtualNetwork");
    const id = idOf("Microsoft.Network/networkSecurityGroups", "nsg");
    expect(cloud.read(id.toUpperCase())?.id).toBe(id);
  });
});

describe("deleting", () => {
  it("takes everything in a group along", async () => {
    const cloud = await wholeScene();
    await cloud.delete(GROUP);
    expect(cloud.state.resources()).toEqual([]);
  });

  it("does not mind what is gone already", async () => {
    const cloud = await wholeScene();
    await cloud.delete(GROUP);
    await expect(
      cloud.delete(idOf("Microsoft.Compute/virtualMachines", "vm")),
    ).resolves.toBeUndefined();
  });

  it("works in the order in which nothing is in use", async () => {
    const cloud = await wholeScene();
    const declared = cloud.state
      .resources()
      .filter(({ implicitOwner }) => implicitOwner === undefined);
    for (const { id } of declared.toReversed()) await cloud.delete(id);
    expect(cloud.state.resources()).toEqual([]);
  });
});

describe("the state on disk", () => {
  it("is there for the next process, readable by its owner only", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "lab-state-"));
    const before = await wholeScene({ folder: folder.path });
    const after = new Cloud({ folder: folder.path });
    expect(after.state.resources()).toEqual(before.state.resources());
    expect((await stat(join(folder.path, "cloud.json"))).mode & 0o777).toBe(0o600);
  });

  it("is seen by another process that runs already", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "lab-state-"));
    const other = new Cloud({ folder: folder.path });
    expect(other.state.resources()).toEqual([]);
    const cloud = await sceneUpTo("VirtualNetwork", { folder: folder.path });
    expect(other.state.resources()).toHaveLength(2);
    await create(other, "VirtualNetwork");
    expect(cloud.read(idOf("Microsoft.Network/virtualNetworks", "vnet"))).toBeDefined();
  });

  it("is the same for the same declarations", async () => {
    await using one = await mkdtempDisposable(join(tmpdir(), "lab-state-"));
    await using other = await mkdtempDisposable(join(tmpdir(), "lab-state-"));
    await wholeScene({ folder: one.path });
    await wholeScene({ folder: other.path });
    const [first, second] = await Promise.all(
      [one, other].map(({ path }) => readFile(join(path, "cloud.json"), "utf8")),
    );
    expect(first).toBe(second);
  });

  it("says which inputs are secret", async () => {
    const cloud = await sceneUpTo("Secret");
    const type = resourceTypeOf("azure-native:keyvault:Secret");
    const inputs = {
      resourceGroupName: "rg",
      vaultName: "vault-1",
      secretName: "key",
      properties: { value: "hidden" },
    };
    const { id } = await cloud.create({ type, inputs, secrets: ["properties.value"] });
    expect(cloud.read(id)?.secrets).toEqual(["properties.value"]);
  });
});

describe("effects", () => {
  const recording = () => {
    const calls: string[] = [];
    const note = (name: string) => async (state: CloudState) => {
      calls.push(`${name} with ${state.resources().length}`);
    };
    const effects: CloudEffects = {
      networkChanged: note("network"),
      machineChanged: note("machine"),
      runCommand: async () => {
        calls.push("run");
        return { exitCode: 0, output: "" };
      },
      machineDeleted: note("gone"),
    };
    return { calls, effects };
  };

  it("follow what packets and machines meet, and nothing else", async () => {
    const { calls, effects } = recording();
    const cloud = await sceneUpTo("VirtualMachineRunCommandByVirtualMachine", { effects });
    expect(calls.map((call) => call.split(" ")[0])).toEqual([
      ...["NetworkSecurityGroup", "VirtualNetwork", "PublicIPAddress", "NetworkInterface"].map(
        () => "network",
      ),
      // The machine: its place in the network first, then it boots.
      ...["network", "machine"],
    ]);
    calls.length = 0;
    await create(cloud, "VirtualMachineRunCommandByVirtualMachine");
    await create(cloud, "StorageAccount");
    expect(calls).toEqual(["run"]);
  });

  it("see the state after the change", async () => {
    const { calls, effects } = recording();
    const cloud = await wholeScene({ effects });
    const count = cloud.state.resources().length;
    calls.length = 0;
    await cloud.delete(idOf("Microsoft.Compute/virtualMachines", "vm"));
    // The machine, its OS disk and its Run Command are gone when the level hears of it.
    expect(calls).toEqual([`gone with ${count - 3}`, `network with ${count - 3}`]);
  });

  it("run one after the other", async () => {
    let running = 0;
    let most = 0;
    const effects: CloudEffects = {
      ...NO_EFFECTS,
      networkChanged: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      },
    };
    const cloud = await sceneUpTo("NetworkSecurityGroup", { effects });
    const names = ["a", "b", "c"];
    await Promise.all(
      names.map((name) =>
        create(cloud, "NetworkSecurityGroup", { networkSecurityGroupName: name }),
      ),
    );
    expect(most).toBe(1);
  });

  it("that fail leave the resource behind as failed", async () => {
    const effects: CloudEffects = {
      ...NO_EFFECTS,
      networkChanged: () => Promise.reject(new Error("no namespaces here")),
    };
    const cloud = await sceneUpTo("NetworkSecurityGroup", { effects });
    const failed = create(cloud, "NetworkSecurityGroup");
    await expect(failed).rejects.toBeInstanceOf(ProvisioningFailed);
    await expect(failed).rejects.toThrow("no namespaces here");
    const id = idOf("Microsoft.Network/networkSecurityGroups", "nsg");
    expect(cloud.read(id)?.outputs["provisioningState"]).toBe("Failed");
  });
});

describe("functions", () => {
  it("look up what exists and refuse what does not", async () => {
    const cloud = await wholeScene();
    const get = (publicIpAddressName: string) =>
      callFunction(
        "azure-native:network:getPublicIPAddress",
        { resourceGroupName: "rg", publicIpAddressName },
        cloud.state,
      );
    expect(get("address")["ipAddress"]).toBe("203.0.113.4");
    expect(() => get("none")).toThrow("ResourceNotFound");
  });
});
