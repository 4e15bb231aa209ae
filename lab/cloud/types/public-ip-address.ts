/** Public IP addresses, drawn from the documentation block 203.0.113.0/24. */
import { formatIpv4, parsePrefix, usableAddresses } from "../cidr.ts";
import { ArmError } from "../errors.ts";
import { guidOf, sameId } from "../identifiers.ts";
import { networkName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { normalizeRegion, zonesOf } from "../regions.ts";
import { etagOf, interfacesUsing, PUBLIC_IP_ADDRESS } from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { choice, object, recorded, text, texts, whole } from "../shapes.ts";
import type { CloudState } from "../state.ts";
import { isBetween, listAt, textAt, type OptionalProperties, type Properties } from "../values.ts";

/** Block of addresses that the lab's Azure assigns from (RFC 5737). */
const PUBLIC_PREFIX = "203.0.113.0/24";

const IDLE_TIMEOUT_MINUTES = { least: 4, most: 30, fallback: 4 };

function put(request: PutRequest): OptionalProperties {
  const { id, name, inputs, previous, state } = request;
  const sku = textAt(inputs, "sku", "name") ?? "Basic";
  if (!same(sku, "Standard")) {
    throw new ArmError(
      "IPv4BasicSkuPublicIpCountLimitReached",
      "Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region. (Basic is the default and retired: set sku.name to Standard and publicIPAllocationMethod to Static.)",
    );
  }
  if (!same(textAt(inputs, "publicIPAllocationMethod") ?? "Dynamic", "Static")) {
    throw new ArmError(
      "StandardSkuPublicIPAddressesMustBeStatic",
      `Standard sku publicIp ${id} must have AllocationMethod set to Static.`,
    );
  }
  const { least, most, fallback } = IDLE_TIMEOUT_MINUTES;
  const timeout = inputs["idleTimeoutInMinutes"] ?? fallback;
  if (!isBetween(timeout, IDLE_TIMEOUT_MINUTES)) {
    throw new ArmError(
      "PublicIPAddressHasInvalidIdleTimeout",
      `Public IP address ${name} has invalid Idle Timeout. The value must be between ${least} and ${most}.`,
    );
  }
  refuseZones(request);
  return {
    etag: etagOf(inputs),
    resourceGuid: guidOf(id),
    sku: { name: "Standard", tier: textAt(inputs, "sku", "tier") ?? "Regional" },
    publicIPAllocationMethod: "Static",
    publicIPAddressVersion: "IPv4",
    idleTimeoutInMinutes: timeout,
    zones: inputs["zones"],
    deleteOption: inputs["deleteOption"],
    ipTags: [],
    ipAddress: (previous && textAt(previous.outputs, "ipAddress")) ?? nextAddress(state, inputs),
    dnsSettings: dnsSettings(request),
    provisioningState: "Succeeded",
  };
}

function refuseZones({ id, name, inputs, previous }: PutRequest): void {
  const zones = listAt(inputs, "zones");
  const location = textAt(inputs, "location") ?? "";
  const supported = zonesOf(location) ?? [];
  if (!zones.every((zone) => typeof zone === "string" && supported.includes(zone))) {
    throw new ArmError(
      "InvalidAvailabilityZone",
      `The zone(s) '${zones.join(",")}' for resource 'Microsoft.Network/publicIPAddresses/${name}' is not supported. The supported zones for location '${location}' are '${supported.join(",")}'.`,
    );
  }
  if (previous === undefined) return;
  const before = listAt(previous.inputs, "zones");
  if (before.toSorted().join() === zones.toSorted().join()) return;
  const spell = (list: readonly unknown[]): string =>
    list.length === 0 ? "NoZone" : list.join(", ");
  throw new ArmError(
    "ResourceAvailabilityZonesCannotBeModified",
    `Resource ${id} has an existing availability zone constraint ${spell(before)} and the request has availability zone constraint ${spell(zones)}, which do not match. Zones cannot be added/updated/removed once the resource is created. The resource cannot be updated from regional to zonal or vice-versa.`,
  );
}

function nextAddress(state: CloudState, inputs: Properties): string {
  const block = parsePrefix(PUBLIC_PREFIX);
  if (block === undefined) throw new Error(`${PUBLIC_PREFIX} is not a prefix.`);
  const taken = new Set(
    state.ofType(PUBLIC_IP_ADDRESS).map(({ outputs }) => textAt(outputs, "ipAddress")),
  );
  const { first, last } = usableAddresses(block);
  for (let address = first; address <= last; address += 1) {
    const candidate = formatIpv4(address);
    if (!taken.has(candidate)) return candidate;
  }
  throw new ArmError(
    "PublicIPCountLimitReached",
    `Cannot create more than ${last - first + 1} public IP addresses for this subscription in region ${textAt(inputs, "location") ?? ""}.`,
  );
}

function dnsSettings({ id, inputs, state }: PutRequest): Properties | undefined {
  const label = textAt(inputs, "dnsSettings", "domainNameLabel");
  if (label === undefined) return undefined;
  if (!/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/.test(label)) {
    throw new ArmError(
      "InvalidDomainNameLabel",
      `The domain name label ${label} is invalid. It must conform to the following regular expression: ^[a-z][a-z0-9-]{1,61}[a-z0-9]$.`,
    );
  }
  const fqdn = `${label}.${normalizeRegion(textAt(inputs, "location") ?? "")}.cloudapp.azure.com`;
  const holder = state
    .ofType(PUBLIC_IP_ADDRESS)
    .find(
      (other) => !sameId(other.id, id) && textAt(other.outputs, "dnsSettings", "fqdn") === fqdn,
    );
  if (holder !== undefined) {
    throw new ArmError(
      "DnsRecordInUse",
      `DNS record ${fqdn} is already used by another public IP.`,
    );
  }
  return { domainNameLabel: label, fqdn };
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

export const publicIpAddress: ResourceType = {
  token: PUBLIC_IP_ADDRESS,
  ...inGroup("Microsoft.Network/publicIPAddresses", {
    property: "publicIpAddressName",
    auto: "random",
    rule: networkName,
  }),
  apiVersion: "2024-05-01",
  properties: {
    ...groupProperties("publicIpAddressName"),
    sku: object({
      name: choice(["Basic", "Standard"], ["StandardV2"]),
      tier: choice(["Regional"], ["Global"]),
    }),
    publicIPAllocationMethod: choice(["Static", "Dynamic"]),
    publicIPAddressVersion: choice(["IPv4"], ["IPv6"]),
    idleTimeoutInMinutes: whole(),
    zones: texts(),
    dnsSettings: object({ domainNameLabel: text() }),
    deleteOption: recorded(choice(["Delete", "Detach"])),
  },
  replacedBy: ["location", "publicIPAddressVersion", "publicIPPrefix", "sku"],
  network: true,
  computed: ["dnsSettings.fqdn"],
  put,
  refuseDelete: (address, state) => {
    const [user] = interfacesUsing(state, "publicIPAddress", address.id);
    if (user === undefined) return;
    throw new ArmError(
      "PublicIPAddressCannotBeDeleted",
      `Public IP address ${address.id} can not be deleted since it is still allocated to resource ${user.configuration}. In order to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do this, see aka.ms/deletepublicip.`,
    );
  },
};
