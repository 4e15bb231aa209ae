/** What packets meet, read from the simulated cloud's resources: the input of every rule. */
import type { CloudResource, CloudState } from "../cloud/state.ts";
import { at, listAt, textAt, type Value } from "../cloud/values.ts";
import { normalizeBlock, readSecurityGroup, type SecurityGroup } from "./security-rules.ts";

/** A machine with everything that stands between it and the internet. */
export interface EdgeMachine {
  readonly name: string;
  readonly privateAddress: string;
  readonly publicAddress: string | undefined;
  /** Minutes without a packet after which Azure forgets a flow that a client opened. */
  readonly idleTimeoutMinutes: number;
  /** What follows the end of such a flow. A public address of a machine drops without a word. */
  readonly afterIdleTimeout: "drop" | "reset";
  /** Blocks of the virtual network. */
  readonly addressSpace: readonly string[];
  readonly subnetGroup: SecurityGroup | undefined;
  readonly nicGroup: SecurityGroup | undefined;
}

/** Azure's `idleTimeoutInMinutes` where a public address declares none. */
const DEFAULT_IDLE_TIMEOUT_MINUTES = 4;

const TYPES = {
  machine: "azure-native:compute:VirtualMachine",
  subnet: "azure-native:network:Subnet",
  securityRule: "azure-native:network:SecurityRule",
} as const;

/** Every machine with a network interface, in order of creation. */
export function readTopology(state: CloudState): readonly EdgeMachine[] {
  return state.ofType(TYPES.machine).flatMap((machine) => {
    const nicId = textAt(machine.outputs, "networkProfile", "networkInterfaces", 0, "id");
    const nic = nicId === undefined ? undefined : state.find(nicId);
    if (nic === undefined) return [];
    const found = readMachine(state, machine, nic);
    return found === undefined ? [] : [found];
  });
}

function readMachine(
  state: CloudState,
  machine: CloudResource,
  nic: CloudResource,
): EdgeMachine | undefined {
  const ipConfiguration = at(nic.outputs, "ipConfigurations", 0);
  const privateAddress = textAt(ipConfiguration, "privateIPAddress");
  if (privateAddress === undefined) return undefined;
  const subnet = readSubnet(state, textAt(ipConfiguration, "subnet", "id"));
  const publicIp = findById(state, textAt(ipConfiguration, "publicIPAddress", "id"));
  const addressSpace = listAt(subnet?.network?.outputs, "addressSpace", "addressPrefixes")
    .filter((block) => typeof block === "string")
    .flatMap((block) => normalizeBlock(block) ?? []);
  const group = (holder: Value | undefined) =>
    readGroup(state, textAt(holder, "networkSecurityGroup", "id"), addressSpace);
  return {
    name: machine.name,
    privateAddress,
    publicAddress: textAt(publicIp?.outputs, "ipAddress"),
    idleTimeoutMinutes: Math.min(
      minutesAt(publicIp?.outputs, "idleTimeoutInMinutes") ?? DEFAULT_IDLE_TIMEOUT_MINUTES,
      minutesAt(subnet?.network?.outputs, "flowTimeoutInMinutes") ?? Infinity,
    ),
    afterIdleTimeout: "drop",
    addressSpace,
    subnetGroup: group(subnet?.properties),
    nicGroup: group(nic.outputs),
  };
}

interface FoundSubnet {
  readonly properties: Value;
  readonly network: CloudResource | undefined;
}

/** A subnet is a resource of its own or stands inline in its network. */
function readSubnet(state: CloudState, id: string | undefined): FoundSubnet | undefined {
  if (id === undefined) return undefined;
  const network = findById(state, id.replace(/\/subnets\/[^/]+$/i, ""));
  const own = state.find(id);
  if (own?.type === TYPES.subnet) return { properties: own.outputs, network };
  const inline = listAt(network?.outputs, "subnets").find(
    (subnet) => textAt(subnet, "id")?.toLowerCase() === id.toLowerCase(),
  );
  return inline === undefined ? undefined : { properties: inline, network };
}

function readGroup(
  state: CloudState,
  id: string | undefined,
  addressSpace: readonly string[],
): SecurityGroup | undefined {
  const group = findById(state, id);
  if (group === undefined) return undefined;
  const inline = listAt(group.outputs, "securityRules");
  const inlineNames = new Set(inline.map((rule) => textAt(rule, "name")?.toLowerCase()));
  const own = state
    .ofType(TYPES.securityRule)
    .filter((rule) => rule.id.toLowerCase().startsWith(`${group.id.toLowerCase()}/`))
    .filter((rule) => !inlineNames.has(rule.name.toLowerCase()))
    .map((rule): Value => ({ ...rule.outputs, name: rule.name }));
  return readSecurityGroup(group.name, [...inline, ...own], addressSpace);
}

function findById(state: CloudState, id: string | undefined): CloudResource | undefined {
  return id === undefined ? undefined : state.find(id);
}

function minutesAt(value: Value | undefined, name: string): number | undefined {
  const minutes = at(value, name);
  return typeof minutes === "number" ? minutes : undefined;
}
