/** Reads a network security group back into filter rules, in Azure's order. */
import { parseRange, type PortRange } from "#contract";
import {
  EVERY_PORT,
  normalizePeer,
  type FilterProtocol,
  type FilterRule,
} from "./packet-filter.ts";

/** The part of a security rule's properties that decides about packets, as Azure spells it. */
export interface SecurityRuleProperties {
  readonly name?: string | undefined;
  readonly priority?: number | undefined;
  readonly direction?: string | undefined;
  readonly access?: string | undefined;
  readonly protocol?: string | undefined;
  readonly sourcePortRange?: string | undefined;
  readonly sourcePortRanges?: readonly string[] | undefined;
  readonly destinationPortRange?: string | undefined;
  readonly destinationPortRanges?: readonly string[] | undefined;
  readonly sourceAddressPrefix?: string | undefined;
  readonly sourceAddressPrefixes?: readonly string[] | undefined;
  readonly destinationAddressPrefix?: string | undefined;
  readonly destinationAddressPrefixes?: readonly string[] | undefined;
}

/** A network security group, as arguments or as the resource's outputs. */
export interface SecurityGroupProperties {
  readonly securityRules?: readonly SecurityRuleProperties[] | undefined;
}

/** Azure's own inbound rules, in force after all others: what they allow is open as well. */
const DEFAULT_RULES: readonly SecurityRuleProperties[] = [
  defaultRule("AllowVnetInBound", 65000, "Allow", "VirtualNetwork"),
  defaultRule("AllowAzureLoadBalancerInBound", 65001, "Allow", "AzureLoadBalancer"),
  defaultRule("DenyAllInBound", 65500, "Deny", "*"),
];

function defaultRule(
  name: string,
  priority: number,
  access: string,
  sourceAddressPrefix: string,
): SecurityRuleProperties {
  return {
    name,
    priority,
    access,
    sourceAddressPrefix,
    direction: "Inbound",
    protocol: "*",
    sourcePortRange: "*",
    destinationPortRange: "*",
    destinationAddressPrefix: "*",
  };
}

/** The rules of a security group and Azure's default rules, by priority. */
export function readSecurityGroup(group: SecurityGroupProperties): readonly FilterRule[] {
  return [...(group.securityRules ?? []), ...DEFAULT_RULES]
    .toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0))
    .map(readRule);
}

function readRule(rule: SecurityRuleProperties): FilterRule {
  const inbound = rule.direction?.toLowerCase() !== "outbound";
  const peers = inbound
    ? [...plural(rule.sourceAddressPrefix, rule.sourceAddressPrefixes)]
    : [...plural(rule.destinationAddressPrefix, rule.destinationAddressPrefixes)];
  const sourcePorts = plural(rule.sourcePortRange, rule.sourcePortRanges);
  return {
    name: rule.name ?? "(unnamed)",
    direction: inbound ? "inbound" : "outbound",
    verdict: rule.access?.toLowerCase() === "allow" ? "allow" : "deny",
    protocol: readProtocol(rule.protocol),
    ports: plural(rule.destinationPortRange, rule.destinationPortRanges).map(readPorts),
    peers: peers.map(normalizePeer),
    sourcePorts: sourcePorts.includes("*") ? [] : sourcePorts.map(readPorts),
  };
}

/** Azure takes each value in a singular or in a plural property; either way it is a list here. */
function plural(one: string | undefined, many: readonly string[] | undefined): readonly string[] {
  return [...(one === undefined || one === "" ? [] : [one]), ...(many ?? [])];
}

function readPorts(text: string): PortRange {
  if (text === "*") return EVERY_PORT;
  const range = parseRange(text);
  if (range === undefined) throw new RangeError(`${text} is not a range of ports`);
  return range;
}

function readProtocol(protocol: string | undefined): FilterProtocol {
  switch (protocol?.toLowerCase()) {
    case "tcp":
      return "tcp";
    case "udp":
      return "udp";
    case "*":
    case undefined:
      return "any";
    default:
      return "other";
  }
}
