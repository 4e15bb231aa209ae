/** Subnets, declared on their own; those inside a virtual network share these rules. */
import { contains, overlaps, parsePrefix, type Prefix } from "../cidr.ts";
import { ArmError } from "../errors.ts";
import { nameOf, sameId } from "../identifiers.ts";
import { networkName } from "../names.ts";
import { inGroup, inside } from "../placement.ts";
import {
  etagOf,
  idAt,
  interfacesUsing,
  NETWORK_SECURITY_GROUP,
  referenced,
  regionOf,
  SUBNET,
  VIRTUAL_NETWORK,
} from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import {
  choice,
  flag,
  objects,
  recorded,
  reference,
  required,
  text,
  texts,
  type ObjectShape,
} from "../shapes.ts";
import type { CloudResource, CloudState } from "../state.ts";
import { listAt, textAt, type OptionalProperties, type Properties } from "../values.ts";

/** What a subnet takes, wherever it is declared. */
export const subnetProperties: ObjectShape = {
  addressPrefix: text(),
  addressPrefixes: texts(),
  networkSecurityGroup: reference(),
  defaultOutboundAccess: recorded(flag()),
  serviceEndpoints: recorded(objects({ service: text(), locations: texts() })),
  privateEndpointNetworkPolicies: recorded(choice(["Disabled", "Enabled"])),
  privateLinkServiceNetworkPolicies: recorded(choice(["Disabled", "Enabled"])),
};

/** Prefixes of a subnet's declaration, in whichever of the two properties they stand. */
export function prefixTexts(inputs: Properties): readonly string[] {
  const single = textAt(inputs, "addressPrefix");
  const several = listAt(inputs, "addressPrefixes").filter((item) => typeof item === "string");
  return single === undefined ? several : [single];
}

/** The first IPv4 prefix of a subnet. */
export function prefixOf(subnet: CloudResource): Prefix | undefined {
  return parsePrefix(prefixTexts(subnet.inputs)[0] ?? "");
}

/** What Azure answers for a subnet, after refusing what does not fit its network. */
export function putSubnet(
  request: Pick<PutRequest, "id" | "name" | "inputs" | "previous" | "state">,
  network: CloudResource,
  siblings: readonly { readonly name: string; readonly prefixes: readonly string[] }[],
): OptionalProperties {
  const { id, name, inputs, state } = request;
  const texts = prefixTexts(inputs);
  if (texts.length === 0) {
    throw new ArmError(
      "NoAddressPrefixOrPoolProvided",
      `AddressPrefix or AddressPrefixes or IpamPoolPrefixAllocations must be provided for subnet ${id}.`,
    );
  }
  for (const prefixText of texts) refusePrefix(prefixText, name, network, siblings);
  refuseShrinking(request, texts);
  const group = idAt(inputs, "networkSecurityGroup");
  if (group !== undefined) {
    referenced(
      state,
      { id, region: regionOf(network) },
      { id: group, type: NETWORK_SECURITY_GROUP },
    );
  }
  return {
    etag: etagOf(inputs),
    addressPrefix: textAt(inputs, "addressPrefix") ?? (texts.length === 1 ? texts[0] : undefined),
    addressPrefixes: inputs["addressPrefixes"],
    networkSecurityGroup: group === undefined ? undefined : { id: group },
    defaultOutboundAccess: inputs["defaultOutboundAccess"],
    serviceEndpoints: inputs["serviceEndpoints"],
    delegations: [],
    privateEndpointNetworkPolicies: inputs["privateEndpointNetworkPolicies"] ?? "Disabled",
    privateLinkServiceNetworkPolicies: inputs["privateLinkServiceNetworkPolicies"] ?? "Enabled",
    provisioningState: "Succeeded",
  };
}

function refusePrefix(
  prefixText: string,
  name: string,
  network: CloudResource,
  siblings: readonly { readonly name: string; readonly prefixes: readonly string[] }[],
): void {
  const prefix = parsePrefix(prefixText);
  if (prefix === undefined) {
    throw new ArmError(
      "InvalidCIDRNotation",
      `The address prefix ${prefixText} in resource ${network.id}/subnets/${name} has an invalid CIDR notation.`,
    );
  }
  const networkName = nameOf(network.id);
  const spaces = listAt(network.inputs, "addressSpace", "addressPrefixes").map((space) =>
    parsePrefix(typeof space === "string" ? space : ""),
  );
  if (!spaces.some((space) => space !== undefined && contains(space, prefix))) {
    throw new ArmError(
      "NetcfgSubnetRangeOutsideVnet",
      `Subnet '${name}' is not valid because its IP address range is outside the IP address range of virtual network '${networkName}'.`,
    );
  }
  if (prefix.length > SMALLEST_SUBNET) {
    throw new ArmError(
      "NetcfgInvalidSubnet",
      `Subnet '${name}' is not valid in virtual network '${networkName}': the smallest subnet is /${SMALLEST_SUBNET}.`,
    );
  }
  const overlapping = siblings.find((sibling) =>
    sibling.prefixes.some((text) => {
      const other = parsePrefix(text);
      return other !== undefined && overlaps(prefix, other);
    }),
  );
  if (overlapping !== undefined) {
    throw new ArmError(
      "NetcfgSubnetRangesOverlap",
      `Subnet '${name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '${networkName}'.`,
    );
  }
}

/** Azure needs five addresses of each subnet for itself. */
const SMALLEST_SUBNET = 29;

function refuseShrinking(
  { id, name, previous, state }: Pick<PutRequest, "id" | "name" | "previous" | "state">,
  texts: readonly string[],
): void {
  if (previous === undefined) return;
  const gone = prefixTexts(previous.inputs).find((text) => !texts.includes(text));
  if (gone === undefined || interfacesUsing(state, "subnet", id).length === 0) return;
  throw new ArmError(
    "InUsePrefixCannotBeDeleted",
    `IpPrefix ${gone} on Subnet ${name} has active allocations and cannot be deleted.`,
  );
}

/** Subnets that stand in a network now, without the named one. */
function siblingsOf(
  state: CloudState,
  networkId: string,
  except: string,
): readonly { readonly name: string; readonly prefixes: readonly string[] }[] {
  return state
    .ofType(SUBNET)
    .filter(({ id }) => sameId(id.slice(0, id.lastIndexOf("/subnets/")), networkId))
    .filter(({ id }) => !sameId(id, except))
    .map((subnet) => ({ name: subnet.name, prefixes: prefixTexts(subnet.inputs) }));
}

/** Refuses to remove a subnet that something stands in. */
export function refuseSubnetInUse(subnet: CloudResource, state: CloudState): void {
  const [user] = interfacesUsing(state, "subnet", subnet.id);
  if (user === undefined) return;
  throw new ArmError(
    "InUseSubnetCannotBeDeleted",
    `Subnet ${subnet.name} is in use by ${user.configuration} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.`,
  );
}

/** Where virtual networks stand: here, because their file builds on this one. */
export const virtualNetworkPlace = inGroup("Microsoft.Network/virtualNetworks", {
  property: "virtualNetworkName",
  auto: "random",
  rule: networkName,
});

export const subnet: ResourceType = {
  token: SUBNET,
  ...inside(virtualNetworkPlace, "subnets", {
    property: "subnetName",
    auto: "copy",
    rule: networkName,
  }),
  apiVersion: "2024-05-01",
  properties: {
    resourceGroupName: required(text()),
    virtualNetworkName: required(text()),
    subnetName: text(),
    name: recorded(text()),
    ...subnetProperties,
  },
  replacedBy: [],
  network: true,
  computed: [],
  put: (request) => {
    const networkId = virtualNetworkPlace.id(request.inputs);
    const network = referenced(request.state, request, { id: networkId, type: VIRTUAL_NETWORK });
    return putSubnet(request, network, siblingsOf(request.state, networkId, request.id));
  },
  refuseDelete: refuseSubnetInUse,
};
