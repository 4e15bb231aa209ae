/**
 * Decides about single packets the way Azure's edge does, without a packet: for tests, for the
 * comparison of the declared with the reachable ports, and for saying which rule stood in the way.
 */
import {
  cidrContains,
  HIGHEST_PORT,
  LOWEST_PORT,
  parseCidr,
  parseIpv4,
  type PortRange,
} from "#contract";
import type { AddressMatch, NetworkRule, PortMatch, SecurityGroup } from "./security-rules.ts";
import type { EdgeMachine } from "./topology.ts";

/** A packet that opens a flow, as the security groups see it: with the machine's private address. */
export interface FirstPacket {
  readonly direction: "inbound" | "outbound";
  readonly protocol: "tcp" | "udp";
  /** The other end, IPv4. */
  readonly peer: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export type Verdict =
  | { readonly kind: "allowed" }
  | { readonly kind: "denied"; readonly layer: "subnet" | "nic"; readonly rule: string }
  /** Standard public addresses are closed until some security group opens them. */
  | { readonly kind: "denied"; readonly layer: "publicAddress"; readonly rule: string };

export function decide(machine: EdgeMachine, packet: FirstPacket): Verdict {
  const layers = [
    { layer: "subnet", group: machine.subnetGroup },
    { layer: "nic", group: machine.nicGroup },
  ] as const;
  if (packet.direction === "inbound" && layers.every(({ group }) => group === undefined)) {
    return { kind: "denied", layer: "publicAddress", rule: "no security group" };
  }
  for (const { layer, group } of packet.direction === "inbound" ? layers : layers.toReversed()) {
    const rule = group === undefined ? undefined : firstMatch(group, machine, packet);
    if (rule?.access === "deny") return { kind: "denied", layer, rule: rule.name };
  }
  return { kind: "allowed" };
}

function firstMatch(
  group: SecurityGroup,
  { privateAddress }: EdgeMachine,
  packet: FirstPacket,
): NetworkRule | undefined {
  const inbound = packet.direction === "inbound";
  const source = inbound ? packet.peer : privateAddress;
  const destination = inbound ? privateAddress : packet.peer;
  return group[packet.direction].find(
    (rule) =>
      (rule.protocol === "any" || rule.protocol === packet.protocol) &&
      rule.sources.some((match) => matchesAddress(match, source)) &&
      rule.destinations.some((match) => matchesAddress(match, destination)) &&
      matchesPort(rule.sourcePorts, packet.sourcePort) &&
      matchesPort(rule.destinationPorts, packet.destinationPort),
  );
}

function matchesAddress(match: AddressMatch, address: string): boolean {
  switch (match.kind) {
    case "any":
      return true;
    case "nothing":
      return false;
    case "inside":
      return isInside(match.blocks, address);
    case "outside":
      return !isInside(match.blocks, address);
  }
}

function isInside(blocks: readonly string[], address: string): boolean {
  const value = parseIpv4(address);
  return blocks.some((block) => {
    const cidr = parseCidr(block);
    return cidr !== undefined && value !== undefined && cidrContains(cidr, value);
  });
}

function matchesPort(match: PortMatch, port: number): boolean {
  return match === "any" || match.some(({ first, last }) => port >= first && port <= last);
}

/** An ephemeral port, as a client's operating system chooses it. */
const CLIENT_PORT = 49152;

/** The TCP ports of a machine that a client at `peer` reaches through both security groups. */
export function reachablePorts(machine: EdgeMachine, peer: string): readonly PortRange[] {
  // A verdict can only change where some rule's range begins or has ended.
  const edges = [machine.subnetGroup, machine.nicGroup]
    .flatMap((group) => group?.inbound ?? [])
    .flatMap(({ destinationPorts }) => (destinationPorts === "any" ? [] : destinationPorts))
    .flatMap(({ first, last }) => [first, last + 1])
    .filter((port) => port > LOWEST_PORT && port <= HIGHEST_PORT);
  const starts = [...new Set([LOWEST_PORT, ...edges])].toSorted((a, b) => a - b);
  const ranges: PortRange[] = [];
  for (const [index, first] of starts.entries()) {
    const last = (starts[index + 1] ?? HIGHEST_PORT + 1) - 1;
    const packet = {
      direction: "inbound",
      protocol: "tcp",
      peer,
      sourcePort: CLIENT_PORT,
    } as const;
    if (decide(machine, { ...packet, destinationPort: first }).kind !== "allowed") continue;
    const previous = ranges.at(-1);
    if (previous?.last === first - 1) ranges[ranges.length - 1] = { first: previous.first, last };
    else ranges.push({ first, last });
  }
  return ranges;
}
