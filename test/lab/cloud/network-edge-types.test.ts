import { describe, expect, it } from "vitest";
import type { Properties } from "../../../lab/cloud/values.ts";
import {
  create,
  DECLARATIONS,
  GROUP,
  idOf,
  refusal,
  sceneUpTo,
  update,
  wholeScene,
} from "./scene.ts";

const [RULE] = DECLARATIONS.NetworkSecurityGroup.securityRules;

describe("network security groups", () => {
  const withRules = async (...rules: readonly Properties[]): Promise<string> =>
    refusal(
      create(await sceneUpTo("NetworkSecurityGroup"), "NetworkSecurityGroup", {
        securityRules: rules,
      }),
    );
  const withRule = (changes: Properties): Promise<string> => withRules({ ...RULE, ...changes });

  it("answers with ids for rules and with Azure's default rules", async () => {
    const cloud = await sceneUpTo("NetworkSecurityGroup");
    const { outputs } = await create(cloud, "NetworkSecurityGroup");
    expect(outputs).toMatchObject({
      id: `${GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg`,
      name: "nsg",
      type: "Microsoft.Network/networkSecurityGroups",
      provisioningState: "Succeeded",
      securityRules: [
        {
          id: `${GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/control`,
        },
      ],
    });
    const defaults = outputs["defaultSecurityRules"] as readonly Properties[];
    expect(
      defaults.map(({ priority, access, direction }) => [priority, access, direction]),
    ).toEqual([
      [65000, "Allow", "Inbound"],
      [65001, "Allow", "Inbound"],
      [65500, "Deny", "Inbound"],
      [65000, "Allow", "Outbound"],
      [65001, "Allow", "Outbound"],
      [65500, "Deny", "Outbound"],
    ]);
  });

  it.each([
    ["99 is below the range", { priority: 99 }, "SecurityRuleInvalidPriority"],
    ["4097 is above it", { priority: 4097 }, "SecurityRuleInvalidPriority"],
    ["4096 is in it", { priority: 4096 }, "accepted"],
  ])("checks priorities: %s", async (_, changes, expected) => {
    expect(await withRule(changes)).toBe(expected);
  });

  it("refuses two rules with one priority in one direction, and only then", async () => {
    const other = { ...RULE, name: "other" };
    expect(await withRules(RULE, other)).toBe("SecurityRuleConflict");
    expect(await withRules(RULE, { ...other, direction: "Outbound" })).toBe("accepted");
    expect(await withRules(RULE, { ...other, priority: 101 })).toBe("accepted");
  });

  it.each(["50099-50000", "65536", "21,990", "", "-1", "ftp"])(
    "refuses the port range %j",
    async (destinationPortRange) => {
      const expected =
        destinationPortRange === ""
          ? "SecurityRuleParameterIsNotSpecified"
          : "SecurityRuleInvalidPortRange";
      expect(await withRule({ destinationPortRange })).toBe(expected);
    },
  );

  it.each(["*", "0", "65535", "50000-50099", "21-21"])("takes the port range %j", async (range) => {
    expect(await withRule({ destinationPortRange: range })).toBe("accepted");
  });

  it.each([
    ["10.0.0.1/8", "SecurityRuleInvalidAddressPrefix"],
    ["300.1.1.1", "SecurityRuleInvalidAddressPrefix"],
    ["Intranet", "SecurityRuleInvalidAddressPrefix"],
    ["10.0.0.0/8", "accepted"],
    ["198.51.100.7", "accepted"],
    ["2001:db8::/32", "accepted"],
    ["VirtualNetwork", "accepted"],
    ["Storage.WestEurope", "accepted"],
  ])("judges the source %s", async (sourceAddressPrefix, expected) => {
    expect(await withRule({ sourceAddressPrefix })).toBe(expected);
  });

  it("takes tags alone but not in a list", async () => {
    const { sourceAddressPrefix: _, ...rule } = RULE;
    const several = (prefixes: readonly string[]) =>
      withRules({ ...rule, sourceAddressPrefixes: prefixes });
    expect(await several(["10.0.0.0/8", "192.168.0.0/16"])).toBe("accepted");
    expect(await several(["10.0.0.0/8", "*"])).toBe(
      "SecurityRuleParameterContainsUnsupportedValue",
    );
  });

  it("refuses an unknown protocol as malformed", async () => {
    expect(await withRule({ protocol: "Ftp" })).toBe("InvalidRequestFormat");
    expect(await withRule({ protocol: "tcp" })).toBe("accepted");
  });

  it("keeps a group that something stands on", async () => {
    const cloud = await wholeScene();
    const id = idOf("Microsoft.Network/networkSecurityGroups", "nsg");
    expect(await refusal(cloud.delete(id))).toBe("InUseNetworkSecurityGroupCannotBeDeleted");
  });
});

describe("public addresses", () => {
  const withChanges = async (changes: Properties): Promise<string> =>
    refusal(create(await sceneUpTo("PublicIPAddress"), "PublicIPAddress", changes));

  it("assigns an address of 203.0.113.0/24 and a name of the region", async () => {
    const { outputs } = await create(await sceneUpTo("PublicIPAddress"), "PublicIPAddress");
    expect(outputs["ipAddress"]).toMatch(/^203\.0\.113\.\d+$/);
    expect(outputs["dnsSettings"]).toEqual({
      domainNameLabel: "files",
      fqdn: "files.westeurope.cloudapp.azure.com",
    });
    expect(outputs["idleTimeoutInMinutes"]).toBe(4);
  });

  it("assigns each address once and keeps it when the resource changes", async () => {
    const cloud = await sceneUpTo("PublicIPAddress");
    const first = await create(cloud, "PublicIPAddress");
    const second = await create(cloud, "PublicIPAddress", {
      publicIpAddressName: "second",
      dnsSettings: { domainNameLabel: "second" },
    });
    expect(second.outputs["ipAddress"]).not.toBe(first.outputs["ipAddress"]);
    const changed = await update(cloud, "PublicIPAddress", { idleTimeoutInMinutes: 30 });
    expect(changed.outputs["ipAddress"]).toBe(first.outputs["ipAddress"]);
  });

  it.each([
    ["the retired Basic SKU", { sku: { name: "Basic" } }, "IPv4BasicSkuPublicIpCountLimitReached"],
    [
      "dynamic allocation",
      { publicIPAllocationMethod: "Dynamic" },
      "StandardSkuPublicIPAddressesMustBeStatic",
    ],
    ["an idle timeout of 3", { idleTimeoutInMinutes: 3 }, "PublicIPAddressHasInvalidIdleTimeout"],
    ["an idle timeout of 31", { idleTimeoutInMinutes: 31 }, "PublicIPAddressHasInvalidIdleTimeout"],
    ["zone 4", { zones: ["4"] }, "InvalidAvailabilityZone"],
    ["a zone where there are none", { location: "westus" }, "InvalidAvailabilityZone"],
    ["a label with a dot", { dnsSettings: { domainNameLabel: "a.b" } }, "InvalidDomainNameLabel"],
    ["a name that ends with a dot", { publicIpAddressName: "address." }, "InvalidResourceName"],
    ["a name of 81 characters", { publicIpAddressName: "a".repeat(81) }, "InvalidResourceName"],
    ["IPv6", { publicIPAddressVersion: "IPv6" }, "NotSimulated publicIPAddressVersion"],
    ["a prefix", { publicIPPrefix: { id: "x" } }, "NotSimulated publicIPPrefix"],
  ])("refuses %s", async (_, changes, expected) => {
    expect(await withChanges(changes)).toBe(expected);
  });

  it("is Basic and dynamic where nothing is said, and refused", async () => {
    const { sku: _, ...rest } = DECLARATIONS.PublicIPAddress;
    const cloud = await sceneUpTo("PublicIPAddress");
    const undeclared = create(cloud, "PublicIPAddress", { ...rest, sku: {} });
    expect(await refusal(undeclared)).toBe("IPv4BasicSkuPublicIpCountLimitReached");
  });

  it("gives a DNS name to one address only", async () => {
    const cloud = await sceneUpTo("PublicIPAddress");
    await create(cloud, "PublicIPAddress");
    const twin = create(cloud, "PublicIPAddress", { publicIpAddressName: "twin" });
    expect(await refusal(twin)).toBe("DnsRecordInUse");
  });

  it("refuses other zones for an existing address", async () => {
    const cloud = await sceneUpTo("PublicIPAddress");
    await create(cloud, "PublicIPAddress");
    const moved = update(cloud, "PublicIPAddress", { zones: ["2"] });
    expect(await refusal(moved)).toBe("ResourceAvailabilityZonesCannotBeModified");
  });

  it("keeps an address that an interface holds", async () => {
    const cloud = await wholeScene();
    const id = idOf("Microsoft.Network/publicIPAddresses", "address");
    expect(await refusal(cloud.delete(id))).toBe("PublicIPAddressCannotBeDeleted");
  });
});
