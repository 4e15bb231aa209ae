/** Security rules of the network security groups, the same set on the subnet and on the NIC. */
import { formatRange, type PortRange } from "#contract";
import type { AccessRule, Peers } from "./access.ts";

/**
 * A security rule as Azure takes it, plain.
 * https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
 */
export interface SecurityRule {
  readonly name: string;
  readonly description: string;
  readonly priority: number;
  readonly direction: "Inbound" | "Outbound";
  readonly access: "Allow" | "Deny";
  readonly protocol: "Tcp" | "*";
  readonly sourcePortRange?: string;
  readonly sourcePortRanges?: string[];
  readonly destinationPortRange?: string;
  readonly destinationPortRanges?: string[];
  readonly sourceAddressPrefix?: string;
  readonly sourceAddressPrefixes?: string[];
  readonly destinationAddressPrefix?: string;
  readonly destinationAddressPrefixes?: string[];
}

/** Azure's lowest priority (largest number) for a rule of one's own. */
const LAST_PRIORITY = 4096;

/** Plans the rules of a security group: one per permission, and an explicit deny-all last. */
export function planSecurityRules(access: readonly AccessRule[]): SecurityRule[] {
  return [...access.map(planRule), DENY_ALL_INBOUND];
}

const DENY_ALL_INBOUND: SecurityRule = {
  name: "DenyAllInbound",
  description: "Everything that no rule above allows, other machines of the network included.",
  priority: LAST_PRIORITY,
  direction: "Inbound",
  access: "Deny",
  protocol: "*",
  sourcePortRange: "*",
  sourceAddressPrefix: "*",
  destinationPortRange: "*",
  destinationAddressPrefix: "*",
};

function planRule(rule: AccessRule): SecurityRule {
  const { name, description, priority, ports, sourcePorts } = rule;
  const [sourcePort, manySourcePorts] = singleOrMany(
    sourcePorts.length === 0 ? ["*"] : sourcePorts.map(String),
  );
  const [port, manyPorts] = singleOrMany(ports.map(formatPorts));
  const common = {
    name,
    description,
    priority,
    access: "Allow",
    protocol: "Tcp",
    ...(sourcePort === undefined
      ? { sourcePortRanges: manySourcePorts }
      : { sourcePortRange: sourcePort }),
    ...(port === undefined ? { destinationPortRanges: manyPorts } : { destinationPortRange: port }),
  } as const;
  const [single, many] = addressPrefixes(rule.peers);
  return rule.direction === "inbound"
    ? {
        ...common,
        direction: "Inbound",
        ...(single === undefined
          ? { sourceAddressPrefixes: many }
          : { sourceAddressPrefix: single }),
        destinationAddressPrefix: "*",
      }
    : {
        ...common,
        direction: "Outbound",
        sourceAddressPrefix: "*",
        ...(single === undefined
          ? { destinationAddressPrefixes: many }
          : { destinationAddressPrefix: single }),
      };
}

/** Azure takes one value, or a service tag, in a singular property, and several in a plural one. */
function singleOrMany(values: readonly string[]): readonly [string | undefined, string[]] {
  return values.length === 1 ? [values[0], []] : [undefined, [...values]];
}

function addressPrefixes(peers: Peers): readonly [string | undefined, string[]] {
  switch (peers.kind) {
    case "azureHealthProbe":
      return ["AzureLoadBalancer", []];
    case "addresses":
      return singleOrMany(peers.cidrs);
  }
}

/** A single port is written as such: Azure returns it so, and a difference would never settle. */
function formatPorts(ports: PortRange): string {
  return ports.first === ports.last ? String(ports.first) : formatRange(ports);
}
