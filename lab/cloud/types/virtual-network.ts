/** Virtual networks with their inline subnets. */
import { parsePrefix } from "../cidr.ts";
import { ArmError } from "../errors.ts";
import { guidOf, sameId } from "../identifiers.ts";
import { networkName } from "../names.ts";
import { groupProperties } from "../placement.ts";
import { etagOf, SUBNET, VIRTUAL_NETWORK } from "../references.ts";
import type { Companions, PutRequest, ResourceType } from "../resource-type.ts";
import { flag, object, objects, recorded, text, texts, whole } from "../shapes.ts";
import type { CloudResource, CloudState } from "../state.ts";
import {
  compact,
  isBetween,
  isRecord,
  listAt,
  textAt,
  type OptionalProperties,
} from "../values.ts";
import {
  prefixTexts,
  putSubnet,
  refuseSubnetInUse,
  subnetProperties,
  virtualNetworkPlace,
} from "./subnet.ts";

const FLOW_TIMEOUT_MINUTES = { least: 4, most: 30 };

function put(request: PutRequest): OptionalProperties {
  const { id, inputs } = request;
  const spaces = listAt(inputs, "addressSpace", "addressPrefixes");
  if (spaces.length === 0) {
    throw new ArmError("InvalidRequestFormat", `Virtual network ${id} has no address space.`);
  }
  for (const space of spaces) {
    if (parsePrefix(typeof space === "string" ? space : "") !== undefined) continue;
    throw new ArmError(
      "InvalidCIDRNotation",
      `The address prefix ${String(space)} in resource ${id} has an invalid CIDR notation.`,
    );
  }
  const timeout = inputs["flowTimeoutInMinutes"];
  const { least, most } = FLOW_TIMEOUT_MINUTES;
  if (typeof timeout === "number" && !isBetween(timeout, FLOW_TIMEOUT_MINUTES)) {
    throw new ArmError(
      "InvalidFlowTimeoutInMinutes",
      `The flow timeout of virtual network ${id} is ${timeout} minutes. The value must be between ${least} and ${most}.`,
    );
  }
  return {
    etag: etagOf(inputs),
    resourceGuid: guidOf(id),
    addressSpace: inputs["addressSpace"],
    dhcpOptions: inputs["dhcpOptions"],
    flowTimeoutInMinutes: timeout,
    enableDdosProtection: inputs["enableDdosProtection"] ?? false,
    enableVmProtection: inputs["enableVmProtection"],
    subnets: inlineSubnets(request).map(({ outputs }) => outputs),
    virtualNetworkPeerings: [],
    provisioningState: "Succeeded",
  };
}

/** The subnets that a network's declaration lists; the existing ones when it lists none. */
function inlineSubnets(
  request: Pick<PutRequest, "id" | "name" | "inputs" | "state">,
): readonly CloudResource[] {
  const { id, name, inputs, state } = request;
  const declared = inputs["subnets"];
  if (!Array.isArray(declared)) return subnetsWithin(state, id);
  const network: CloudResource = {
    id,
    name,
    type: VIRTUAL_NETWORK,
    inputs,
    outputs: {},
    secrets: [],
  };
  const subnets = declared.filter(isRecord);
  return subnets.map((subnet, index) => {
    const subnetName = textAt(subnet, "name") ?? "";
    networkName(subnetName);
    const subnetId = `${id}/subnets/${subnetName}`;
    const siblings = subnets
      .filter((_, other) => other < index)
      .map((other) => ({ name: textAt(other, "name") ?? "", prefixes: prefixTexts(other) }));
    const outputs = putSubnet(
      { id: subnetId, name: subnetName, inputs: subnet, state, previous: state.find(subnetId) },
      network,
      siblings,
    );
    const identity = {
      id: subnetId,
      name: subnetName,
      type: "Microsoft.Network/virtualNetworks/subnets",
    };
    return {
      id: subnetId,
      name: subnetName,
      type: SUBNET,
      inputs: subnet,
      outputs: compact({ ...identity, ...outputs }),
      secrets: [],
      implicitOwner: id,
    };
  });
}

function subnetsWithin(state: CloudState, networkId: string): readonly CloudResource[] {
  return state
    .ofType(SUBNET)
    .filter(({ id }) => sameId(id.slice(0, id.lastIndexOf("/subnets/")), networkId));
}

/** A list of subnets in the declaration is the whole list: Azure deletes every other subnet. */
function companions(network: CloudResource, state: CloudState): Companions {
  if (!Array.isArray(network.inputs["subnets"])) return { put: [], removed: [] };
  const subnets = inlineSubnets({ ...network, state });
  const gone = subnetsWithin(state, network.id).filter(
    (existing) => !subnets.some(({ id }) => sameId(id, existing.id)),
  );
  for (const subnet of gone) refuseSubnetInUse(subnet, state);
  return { put: subnets, removed: gone.map(({ id }) => id) };
}

export const virtualNetwork: ResourceType = {
  token: VIRTUAL_NETWORK,
  ...virtualNetworkPlace,
  apiVersion: "2024-05-01",
  properties: {
    ...groupProperties("virtualNetworkName"),
    addressSpace: object({ addressPrefixes: texts() }),
    subnets: objects({ name: text(), ...subnetProperties }),
    flowTimeoutInMinutes: whole(),
    dhcpOptions: recorded(object({ dnsServers: texts() })),
    enableDdosProtection: recorded(flag()),
    enableVmProtection: recorded(flag()),
  },
  replacedBy: ["location"],
  network: true,
  computed: ["subnets[].id", "subnets[].etag", "subnets[].provisioningState"],
  put,
  companions,
  refuseDelete: (network, state) => {
    for (const subnet of subnetsWithin(state, network.id)) refuseSubnetInUse(subnet, state);
  },
};
