import { describe, expect, it } from "vitest";
import { Cloud } from "../../../lab/cloud/cloud.ts";
import type { Properties } from "../../../lab/cloud/values.ts";
import {
  create,
  DECLARATIONS,
  idOf,
  refusal,
  sceneUpTo,
  SUBNET_ID,
  update,
  wholeScene,
} from "./scene.ts";

const [CONFIGURATION] = DECLARATIONS.NetworkInterface.ipConfigurations;

describe("virtual networks and subnets", () => {
  const withSubnets = async (...subnets: readonly Properties[]): Promise<string> =>
    refusal(create(await sceneUpTo("VirtualNetwork"), "VirtualNetwork", { subnets }));

  it("makes resources of inline subnets", async () => {
    const cloud = await sceneUpTo("PublicIPAddress");
    expect(cloud.read(SUBNET_ID)?.outputs).toMatchObject({
      id: SUBNET_ID,
      name: "machines",
      addressPrefix: "10.0.1.0/24",
      networkSecurityGroup: { id: idOf("Microsoft.Network/networkSecurityGroups", "nsg") },
    });
  });

  it.each([
    ["outside the network", "10.1.0.0/24", "NetcfgSubnetRangeOutsideVnet"],
    ["with host bits", "10.0.1.5/24", "InvalidCIDRNotation"],
    ["too small", "10.0.1.0/30", "NetcfgInvalidSubnet"],
    ["the smallest", "10.0.1.0/29", "accepted"],
  ])("judges a subnet %s", async (_, addressPrefix, expected) => {
    expect(await withSubnets({ name: "machines", addressPrefix })).toBe(expected);
  });

  it("refuses overlapping subnets", async () => {
    const one = { name: "one", addressPrefix: "10.0.0.0/23" };
    expect(await withSubnets(one, { name: "two", addressPrefix: "10.0.1.0/24" })).toBe(
      "NetcfgSubnetRangesOverlap",
    );
    expect(await withSubnets(one, { name: "two", addressPrefix: "10.0.2.0/24" })).toBe("accepted");
  });

  it("refuses a security group that is missing, or in another region", async () => {
    const cloud = new Cloud();
    await create(cloud, "ResourceGroup");
    expect(await refusal(create(cloud, "VirtualNetwork"))).toBe("InvalidResourceReference");
    await create(cloud, "NetworkSecurityGroup", { location: "northeurope" });
    expect(await refusal(create(cloud, "VirtualNetwork"))).toBe("InvalidResourceReference");
  });

  it("checks a subnet on its own against the network and its neighbours", async () => {
    const cloud = await sceneUpTo("PublicIPAddress");
    const declare = (changes: Properties) =>
      create(cloud, "Subnet", { resourceGroupName: "rg", virtualNetworkName: "vnet", ...changes });
    const overlapping = declare({ subnetName: "two", addressPrefix: "10.0.1.128/25" });
    expect(await refusal(overlapping)).toBe("NetcfgSubnetRangesOverlap");
    const orphan = declare({
      subnetName: "two",
      virtualNetworkName: "none",
      addressPrefix: "10.0.2.0/24",
    });
    expect(await refusal(orphan)).toBe("ParentResourceNotFound");
    const fine = await declare({ subnetName: "two", addressPrefix: "10.0.2.0/24" });
    expect(fine.id).toBe(SUBNET_ID.replace("machines", "two"));
  });

  it("deletes subnets that a network's list no longer holds, unless they are in use", async () => {
    const cloud = await sceneUpTo("PublicIPAddress");
    await create(cloud, "Subnet", {
      resourceGroupName: "rg",
      virtualNetworkName: "vnet",
      subnetName: "alone",
      addressPrefix: "10.0.9.0/24",
    });
    // The classic trap: a list in the network's declaration is the whole list.
    await update(cloud, "VirtualNetwork");
    expect(cloud.read(SUBNET_ID.replace("machines", "alone"))).toBeUndefined();
    const busy = await wholeScene();
    expect(await refusal(update(busy, "VirtualNetwork", { subnets: [] }))).toBe(
      "InUseSubnetCannotBeDeleted",
    );
    expect(busy.read(SUBNET_ID)).toBeDefined();
  });

  it("keeps the prefix of a subnet in use", async () => {
    const cloud = await wholeScene();
    const moved = update(cloud, "VirtualNetwork", {
      subnets: [{ name: "machines", addressPrefix: "10.0.2.0/24" }],
    });
    expect(await refusal(moved)).toBe("InUsePrefixCannotBeDeleted");
  });

  it.each([
    [3, "InvalidFlowTimeoutInMinutes"],
    [31, "InvalidFlowTimeoutInMinutes"],
    [30, "accepted"],
  ])("judges a flow timeout of %i minutes", async (flowTimeoutInMinutes, expected) => {
    const cloud = await sceneUpTo("VirtualNetwork");
    expect(await refusal(create(cloud, "VirtualNetwork", { flowTimeoutInMinutes }))).toBe(expected);
  });
});

describe("network interfaces", () => {
  const withConfiguration = async (changes: Properties): Promise<string> => {
    const cloud = await sceneUpTo("NetworkInterface");
    const ipConfigurations = [{ ...CONFIGURATION, ...changes }];
    return refusal(create(cloud, "NetworkInterface", { ipConfigurations }));
  };

  it("takes the first address that Azure leaves free, and the next for the next", async () => {
    const cloud = await sceneUpTo("NetworkInterface");
    const first = await create(cloud, "NetworkInterface");
    const second = await create(cloud, "NetworkInterface", {
      networkInterfaceName: "second",
      ipConfigurations: [{ name: "primary", subnet: { id: SUBNET_ID } }],
    });
    expect(first.outputs["ipConfigurations"]).toMatchObject([{ privateIPAddress: "10.0.1.4" }]);
    expect(second.outputs["ipConfigurations"]).toMatchObject([{ privateIPAddress: "10.0.1.5" }]);
  });

  it.each([
    ["10.0.1.3", "PrivateIPAddressInReservedRange"],
    ["10.0.1.255", "PrivateIPAddressInReservedRange"],
    ["10.0.2.9", "PrivateIPAddressNotInSubnet"],
    ["10.0.1.200", "accepted"],
  ])("judges the static address %s", async (privateIPAddress, expected) => {
    expect(await withConfiguration({ privateIPAllocationMethod: "Static", privateIPAddress })).toBe(
      expected,
    );
  });

  it("refuses a missing subnet, group or address", async () => {
    const missing = { id: `${SUBNET_ID}-none` };
    expect(await withConfiguration({ subnet: missing })).toBe("InvalidResourceReference");
    expect(await withConfiguration({ publicIPAddress: missing })).toBe("InvalidResourceReference");
    const cloud = await sceneUpTo("NetworkInterface");
    const ungrouped = create(cloud, "NetworkInterface", { networkSecurityGroup: missing });
    expect(await refusal(ungrouped)).toBe("InvalidResourceReference");
  });

  it("refuses a network in another region", async () => {
    const cloud = await sceneUpTo("NetworkInterface");
    const far = create(cloud, "NetworkInterface", {
      location: "northeurope",
      ipConfigurations: [{ name: "primary", subnet: { id: SUBNET_ID } }],
      networkSecurityGroup: { id: idOf("Microsoft.Network/networkSecurityGroups", "nsg") },
    });
    expect(await refusal(far)).toBe("InvalidResourceReference");
  });

  it("refuses a public address that another interface holds", async () => {
    const cloud = await wholeScene();
    const second = create(cloud, "NetworkInterface", { networkInterfaceName: "second" });
    expect(await refusal(second)).toBe("PublicIPAddressInUse");
  });

  it("stays while a machine holds it", async () => {
    const cloud = await wholeScene();
    expect(await refusal(cloud.delete(idOf("Microsoft.Network/networkInterfaces", "nic")))).toBe(
      "NicInUse",
    );
  });

  it("ignores all but the id of what it refers to, as when a whole output is passed on", async () => {
    const cloud = await sceneUpTo("NetworkInterface");
    const whole = { ...cloud.read(SUBNET_ID)?.outputs };
    const nic = await create(cloud, "NetworkInterface", {
      ipConfigurations: [{ name: "primary", subnet: whole }],
    });
    expect(nic.outputs["ipConfigurations"]).toMatchObject([{ subnet: { id: SUBNET_ID } }]);
  });
});
