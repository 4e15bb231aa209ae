/** Network interfaces: they join a subnet, a security group, a public address and a machine. */
import { formatIpv4, parseIpv4, usableAddresses, type Prefix } from "../cidr.ts";
import { ArmError } from "../errors.ts";
import { guidOf, sameId } from "../identifiers.ts";
import { networkName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import {
  configurationsOf,
  etagOf,
  idAt,
  interfacesUsing,
  NETWORK_INTERFACE,
  NETWORK_SECURITY_GROUP,
  PUBLIC_IP_ADDRESS,
  referenced,
  SUBNET,
  VIRTUAL_MACHINE,
  VIRTUAL_NETWORK,
} from "../references.ts";
import { normalizeRegion } from "../regions.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { choice, flag, object, objects, recorded, reference, text, texts } from "../shapes.ts";
import { sha256 } from "../state.ts";
import type { CloudResource, CloudState } from "../state.ts";
import {
  compact,
  isRecord,
  listAt,
  textAt,
  type OptionalProperties,
  type Properties,
} from "../values.ts";
import { prefixOf } from "./subnet.ts";

function put(request: PutRequest): OptionalProperties {
  const { id, inputs, state } = request;
  const region = normalizeRegion(textAt(inputs, "location") ?? "");
  const configurations = listAt(inputs, "ipConfigurations").filter(isRecord);
  if (configurations.length === 0) {
    throw new ArmError(
      "NetworkInterfaceMustHaveOneIpConfiguration",
      `Network interface ${id} must have one or more IP configurations.`,
    );
  }
  const group = idAt(inputs, "networkSecurityGroup");
  if (group !== undefined) {
    referenced(state, { id, region }, { id: group, type: NETWORK_SECURITY_GROUP });
  }
  return {
    etag: etagOf(inputs),
    resourceGuid: guidOf(id),
    macAddress: macAddressOf(id),
    primary: true,
    enableAcceleratedNetworking: inputs["enableAcceleratedNetworking"] ?? false,
    enableIPForwarding: inputs["enableIPForwarding"] ?? false,
    nicType: inputs["nicType"] ?? "Standard",
    dnsSettings: { dnsServers: [], appliedDnsServers: [], ...record(inputs["dnsSettings"]) },
    networkSecurityGroup: group === undefined ? undefined : { id: group },
    ipConfigurations: configurations.map((configuration, index) =>
      configurationOf({ request, region, configuration, first: index === 0 }),
    ),
    provisioningState: "Succeeded",
  };
}

function configurationOf(step: {
  readonly request: PutRequest;
  readonly region: string;
  readonly configuration: Properties;
  readonly first: boolean;
}): Properties {
  const { request, region, configuration, first } = step;
  const { id, state } = request;
  const name = textAt(configuration, "name") ?? "";
  networkName(name);
  const configurationId = `${id}/ipConfigurations/${name}`;
  const subnetId = idAt(configuration, "subnet");
  if (subnetId === undefined) {
    throw new ArmError(
      "SubnetIsNotSet",
      `Subnet for IP configuration ${configurationId} is not set.`,
    );
  }
  const subnet = referenced(state, { id }, { id: subnetId, type: SUBNET });
  const networkId = subnetId.slice(0, subnetId.lastIndexOf("/subnets/"));
  referenced(state, { id, region }, { id: networkId, type: VIRTUAL_NETWORK });
  const address = idAt(configuration, "publicIPAddress");
  if (address !== undefined) refusePublicAddress(request, region, address, configurationId);
  return compact({
    id: configurationId,
    name,
    etag: etagOf(configuration),
    type: "Microsoft.Network/networkInterfaces/ipConfigurations",
    primary: configuration["primary"] ?? first,
    privateIPAddress: privateAddress(request, configuration, subnet),
    privateIPAddressVersion: "IPv4",
    privateIPAllocationMethod: configuration["privateIPAllocationMethod"] ?? "Dynamic",
    subnet: { id: subnetId },
    publicIPAddress: address === undefined ? undefined : { id: address },
    provisioningState: "Succeeded",
  });
}

function refusePublicAddress(
  { id, state }: PutRequest,
  region: string,
  address: string,
  configurationId: string,
): void {
  referenced(state, { id, region }, { id: address, type: PUBLIC_IP_ADDRESS });
  const other = interfacesUsing(state, "publicIPAddress", address).find(
    ({ nic }) => !sameId(nic.id, id),
  );
  if (other === undefined) return;
  throw new ArmError(
    "PublicIPAddressInUse",
    `Resource ${configurationId} is referencing public IP address ${address} that is already allocated to resource ${other.configuration}.`,
  );
}

function privateAddress(
  { id, previous, state }: PutRequest,
  configuration: Properties,
  subnet: CloudResource,
): string {
  const block = prefixOf(subnet);
  if (block === undefined) throw new Error(`Subnet ${subnet.id} has no IPv4 prefix.`);
  const taken = addressesIn(state, subnet.id, id);
  const declared = textAt(configuration, "privateIPAddress");
  if (textAt(configuration, "privateIPAllocationMethod")?.toLowerCase() === "static") {
    return staticAddress(declared, block, taken, subnet);
  }
  const { first, last } = usableAddresses(block);
  const before = parseIpv4(addressBefore(previous, textAt(configuration, "name")) ?? "");
  if (before !== undefined && before >= first && before <= last) return formatIpv4(before);
  for (let address = first; address <= last; address += 1) {
    if (!taken.has(formatIpv4(address))) return formatIpv4(address);
  }
  throw new ArmError(
    "SubnetIsFull",
    `Subnet ${subnet.name} with address prefix ${formatIpv4(block.first)}/${block.length} does not have enough capacity for 1 IP addresses.`,
  );
}

function staticAddress(
  declared: string | undefined,
  block: Prefix,
  taken: ReadonlySet<string>,
  subnet: CloudResource,
): string {
  const address = parseIpv4(declared ?? "");
  const prefix = `${formatIpv4(block.first)}/${block.length}`;
  if (address === undefined || address < block.first || address > block.last) {
    throw new ArmError(
      "PrivateIPAddressNotInSubnet",
      `Private static IP address ${declared ?? ""} does not belong to the range of subnet prefix ${prefix}.`,
    );
  }
  const { first, last } = usableAddresses(block);
  if (address < first || address > last) {
    throw new ArmError(
      "PrivateIPAddressInReservedRange",
      `Private static IP address ${formatIpv4(address)} falls within reserved IP range of subnet prefix ${prefix}.`,
    );
  }
  if (taken.has(formatIpv4(address))) {
    throw new ArmError(
      "PrivateIPAddressIsAllocated",
      `IP configuration is using the private IP address ${formatIpv4(address)} which is already allocated in subnet ${subnet.id}.`,
    );
  }
  return formatIpv4(address);
}

function addressesIn(state: CloudState, subnetId: string, exceptNic: string): ReadonlySet<string> {
  const others = state.ofType(NETWORK_INTERFACE).filter(({ id }) => !sameId(id, exceptNic));
  return new Set(
    others.flatMap(({ outputs }) =>
      listAt(outputs, "ipConfigurations")
        .filter((configuration) => sameId(idAt(configuration, "subnet"), subnetId))
        .flatMap((configuration) => textAt(configuration, "privateIPAddress") ?? []),
    ),
  );
}

function addressBefore(
  previous: CloudResource | undefined,
  name: string | undefined,
): string | undefined {
  const before = listAt(previous?.outputs, "ipConfigurations").find(
    (configuration) => textAt(configuration, "name") === name,
  );
  return textAt(before, "privateIPAddress");
}

/** A MAC address in the block that Azure uses. */
function macAddressOf(id: string): string {
  const tail = sha256(id).slice(0, 6).toUpperCase();
  return `00-0D-3A-${tail.slice(0, 2)}-${tail.slice(2, 4)}-${tail.slice(4, 6)}`;
}

function record(value: unknown): Properties {
  return isRecord(value) ? value : {};
}

/** The machine that an interface is attached to. */
export function machineOf(nicId: string, state: CloudState): CloudResource | undefined {
  return state
    .ofType(VIRTUAL_MACHINE)
    .find(({ inputs }) =>
      listAt(inputs, "networkProfile", "networkInterfaces").some((nic) =>
        sameId(textAt(nic, "id"), nicId),
      ),
    );
}

/** Public addresses that go when the interface goes along with its machine. */
export function addressesDeletedAlong(nic: CloudResource): readonly string[] {
  return configurationsOf(nic).flatMap((configuration) =>
    textAt(configuration, "publicIPAddress", "deleteOption")?.toLowerCase() === "delete"
      ? (idAt(configuration, "publicIPAddress") ?? [])
      : [],
  );
}

export const networkInterface: ResourceType = {
  token: NETWORK_INTERFACE,
  ...inGroup("Microsoft.Network/networkInterfaces", {
    property: "networkInterfaceName",
    auto: "random",
    rule: networkName,
  }),
  apiVersion: "2024-05-01",
  properties: {
    ...groupProperties("networkInterfaceName"),
    ipConfigurations: objects({
      name: text(),
      primary: recorded(flag()),
      subnet: reference(),
      publicIPAddress: reference(),
      privateIPAllocationMethod: choice(["Dynamic", "Static"]),
      privateIPAddress: text(),
      privateIPAddressVersion: choice(["IPv4"], ["IPv6"]),
    }),
    networkSecurityGroup: reference(),
    enableAcceleratedNetworking: recorded(flag()),
    enableIPForwarding: recorded(flag()),
    dnsSettings: recorded(object({ dnsServers: texts(), internalDnsNameLabel: text() })),
    nicType: recorded(choice(["Standard"], ["Elastic"])),
  },
  replacedBy: ["location"],
  network: true,
  computed: ["ipConfigurations[].id", "ipConfigurations[].privateIPAddress"],
  put,
  refuseDelete: (nic, state) => {
    const machine = machineOf(nic.id, state);
    if (machine === undefined) return;
    throw new ArmError(
      "NicInUse",
      `Network Interface ${nic.id} is used by existing resource ${machine.id}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
    );
  },
};
