/** A simulated cloud in memory with one machine, as small as the network's rules need it. */
import { CloudStore, type CloudResource, type CloudState } from "../../lab/cloud/state.ts";
import type { Properties, Value } from "../../lab/cloud/values.ts";

export interface MachineFixture {
  readonly subnetRules?: readonly Value[] | undefined;
  readonly nicRules?: readonly Value[] | undefined;
  readonly idleTimeoutInMinutes?: number;
  readonly flowTimeoutInMinutes?: number;
  readonly publicAddress?: string;
}

export const PRIVATE_ADDRESS = "10.20.1.4";
export const PUBLIC_ADDRESS = "203.0.113.7";

/** `undefined` rules: no security group there at all. */
export function cloudWithMachine(fixture: MachineFixture): CloudState {
  const { subnetRules, nicRules } = fixture;
  const network = "/groups/g/virtualNetworks/net";
  const group = (name: string, rules: readonly Value[] | undefined) =>
    rules === undefined
      ? []
      : [resource("network:NetworkSecurityGroup", name, { securityRules: rules })];
  const reference = (name: string, rules: readonly Value[] | undefined) =>
    rules === undefined ? {} : { networkSecurityGroup: { id: `/groups/g/${name}` } };
  const resources = [
    {
      ...resource("network:VirtualNetwork", "net", {
        addressSpace: { addressPrefixes: ["10.20.0.0/16"] },
        ...(fixture.flowTimeoutInMinutes === undefined
          ? {}
          : { flowTimeoutInMinutes: fixture.flowTimeoutInMinutes }),
      }),
      id: network,
    },
    ...group("subnet-nsg", subnetRules),
    ...group("nic-nsg", nicRules),
    {
      ...resource("network:Subnet", "sub", {
        addressPrefix: "10.20.1.0/24",
        ...reference("subnet-nsg", subnetRules),
      }),
      id: `${network}/subnets/sub`,
    },
    resource("network:PublicIPAddress", "ip", {
      ipAddress: fixture.publicAddress ?? PUBLIC_ADDRESS,
      idleTimeoutInMinutes: fixture.idleTimeoutInMinutes ?? 4,
    }),
    resource("network:NetworkInterface", "nic", {
      ipConfigurations: [
        {
          privateIPAddress: PRIVATE_ADDRESS,
          subnet: { id: `${network}/subnets/sub` },
          publicIPAddress: { id: "/groups/g/ip" },
        },
      ],
      ...reference("nic-nsg", nicRules),
    }),
    resource("compute:VirtualMachine", "vm", {
      networkProfile: { networkInterfaces: [{ id: "/groups/g/nic" }] },
    }),
  ];
  return cloudOf(resources);
}

function resource(type: string, name: string, outputs: Properties): CloudResource {
  return {
    id: `/groups/g/${name}`,
    type: `azure-native:${type}`,
    name,
    inputs: outputs,
    outputs,
    secrets: [],
  };
}

function cloudOf(resources: readonly CloudResource[]): CloudState {
  const store = new CloudStore(undefined);
  for (const each of resources) store.put(each);
  return store;
}

/** A rule as a program declares it: inbound TCP from anywhere unless it says otherwise. */
export function rule(name: string, priority: number, overrides: Properties): Value {
  return {
    name,
    priority,
    direction: "Inbound",
    access: "Allow",
    protocol: "Tcp",
    sourceAddressPrefix: "*",
    sourcePortRange: "*",
    destinationAddressPrefix: "*",
    destinationPortRange: "*",
    ...overrides,
  };
}
