/** Policies 6 and 7: an address that stays. */
import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { at, eachResource, ENVIRONMENT_CONFIG } from "./each-resource.ts";
import { known, objectsIn, resourcesOf, textOf } from "./resource-facts.ts";

export const publicAddressStays = eachResource({
  name: "public-address-is-static-and-zonal",
  description:
    "Public addresses are Standard, static and zonal: partners put the address into their allow-lists, and Basic ones were retired on 2025-09-30.",
  types: ["network:PublicIPAddress"],
  judge: (properties, name) => [
    ...(textOf(at(properties, "sku")["name"]) === "Standard"
      ? []
      : [`${name} is not of SKU Standard; Basic addresses are retired. Set sku.name to Standard.`]),
    ...(textOf(properties["publicIPAllocationMethod"]) === "Static"
      ? []
      : [
          `${name} is not static, so it can change with each stop of the machine. Set publicIPAllocationMethod to Static.`,
        ]),
    ...(Array.isArray(properties["zones"]) && properties["zones"].length > 0
      ? []
      : [`${name} names no availability zone. Set zones to that of the machine.`]),
  ],
});

export const publicAddressProtected: StackValidationPolicy = {
  name: "production-address-is-protected",
  description:
    "In production the public address is protected against deletion and replacement: a new one would break every partner's allow-list.",
  enforcementLevel: "mandatory",
  configSchema: ENVIRONMENT_CONFIG,
  validateStack: ({ resources, getConfig }, reportViolation) => {
    if (getConfig<{ environment?: string }>().environment !== "prod") return;
    for (const address of resourcesOf(resources, "network:PublicIPAddress")) {
      const { name, urn, opts } = address;
      if (opts.protect || isForOthers(address, resources)) continue;
      reportViolation(
        `${name} is not protected; replacing it would give every partner a new address. Set protect: true on it.`,
        urn,
      );
    }
  },
};

/** No partner connects to the address of a Bastion or NAT gateway. */
function isForOthers(address: PolicyResource, resources: readonly PolicyResource[]): boolean {
  const azureName = known(() => textOf(address.props["name"])?.toLowerCase());
  return ["network:BastionHost", "network:NatGateway"]
    .flatMap((type) => resourcesOf(resources, type))
    .some(
      ({ props, dependencies }) =>
        // A preview knows what depends on what, before it knows any id.
        dependencies.some(({ urn }) => urn === address.urn) ||
        (azureName !== undefined && known(() => usesAddress(props, azureName)) === true),
    );
}

function usesAddress(props: Readonly<Record<string, unknown>>, azureName: string): boolean {
  return [
    ...objectsIn(props["ipConfigurations"]).map((each) => at(each, "publicIPAddress")),
    ...objectsIn(props["publicIpAddresses"]),
  ].some(({ id }) => textOf(id)?.toLowerCase().endsWith(`/publicipaddresses/${azureName}`));
}
