/**
 * Network security groups as Azure evaluates them, read from the simulated resources and from
 * nothing else: the lab must not know what the stack meant, only what it declared.
 * https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
 */
import {
  AZURE_PLATFORM_ADDRESS,
  formatCidr,
  HIGHEST_PORT,
  mergeRanges,
  networkOf,
  parseCidr,
  parseIpv4,
  parseRange,
  type PortRange,
} from "#contract";
import { NotSimulated } from "../cloud/errors.ts";
import { listAt, textAt, type Value } from "../cloud/values.ts";

/** Which addresses one prefix of a rule stands for. Blocks are CIDRs without host bits. */
export type AddressMatch =
  | { readonly kind: "any" }
  | { readonly kind: "inside"; readonly blocks: readonly string[] }
  | { readonly kind: "outside"; readonly blocks: readonly string[] }
  /** A tag of services that the lab does not have, or IPv6: no packet ever matches. */
  | { readonly kind: "nothing"; readonly prefix: string };

/** Ports of one side of a rule; `any` also matches protocols without ports. */
export type PortMatch = "any" | readonly PortRange[];

export type RuleProtocol = "any" | "tcp" | "udp" | "icmp" | "esp" | "ah";

export interface NetworkRule {
  readonly name: string;
  readonly priority: number;
  readonly direction: "inbound" | "outbound";
  readonly access: "allow" | "deny";
  readonly protocol: RuleProtocol;
  readonly sources: readonly AddressMatch[];
  readonly sourcePorts: PortMatch;
  readonly destinations: readonly AddressMatch[];
  readonly destinationPorts: PortMatch;
}

/** The rules of one group in order of evaluation, Azure's default rules last. */
export interface SecurityGroup {
  readonly name: string;
  readonly inbound: readonly NetworkRule[];
  readonly outbound: readonly NetworkRule[];
}

/**
 * Reads a group.
 *
 * @param rules declared rules, in the shape of the resource's `securityRules`.
 * @param addressSpace blocks of the virtual network, which the tag VirtualNetwork stands for.
 */
export function readSecurityGroup(
  name: string,
  rules: readonly Value[],
  addressSpace: readonly string[],
): SecurityGroup {
  const all = [...rules, ...DEFAULT_RULES].map((rule) => readRule(rule, addressSpace));
  const ordered = all.toSorted((a, b) => a.priority - b.priority);
  return {
    name,
    inbound: ordered.filter(({ direction }) => direction === "inbound"),
    outbound: ordered.filter(({ direction }) => direction === "outbound"),
  };
}

const defaultRule = (
  name: string,
  priority: number,
  direction: "Inbound" | "Outbound",
  access: "Allow" | "Deny",
  source: string,
  destination: string,
) => ({
  name,
  priority,
  direction,
  access,
  protocol: "*",
  sourceAddressPrefix: source,
  sourcePortRange: "*",
  destinationAddressPrefix: destination,
  destinationPortRange: "*",
});

/** The rules that every group has and nobody can remove. */
const DEFAULT_RULES: readonly Value[] = [
  defaultRule("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
  defaultRule("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
  defaultRule("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
  defaultRule("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
  defaultRule("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
  defaultRule("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
];

const PROTOCOLS: ReadonlyMap<string, RuleProtocol> = new Map([
  ["*", "any"],
  ["tcp", "tcp"],
  ["udp", "udp"],
  ["icmp", "icmp"],
  ["esp", "esp"],
  ["ah", "ah"],
]);

function readRule(rule: Value, addressSpace: readonly string[]): NetworkRule {
  const name = textAt(rule, "name") ?? "";
  const protocol = PROTOCOLS.get((textAt(rule, "protocol") ?? "").toLowerCase());
  const priority = rule !== null && typeof rule === "object" && "priority" in rule && rule.priority;
  if (protocol === undefined || typeof priority !== "number") {
    throw new NotSimulated("securityRules", name, "protocol or priority cannot be read");
  }
  const side = (which: "source" | "destination") => {
    if (listAt(rule, `${which}ApplicationSecurityGroups`).length > 0) {
      throw new NotSimulated("securityRules", `${name}.${which}ApplicationSecurityGroups`);
    }
    const texts = (singular: string, plural: string): readonly string[] => {
      const one = textAt(rule, singular);
      const many = listAt(rule, plural).filter((value) => typeof value === "string");
      return [...(one === undefined || one === "" ? [] : [one]), ...many];
    };
    return {
      addresses: readAddresses(
        texts(`${which}AddressPrefix`, `${which}AddressPrefixes`),
        addressSpace,
      ),
      ports: readPorts(name, texts(`${which}PortRange`, `${which}PortRanges`)),
    };
  };
  const source = side("source");
  const destination = side("destination");
  return {
    name,
    priority,
    direction: textAt(rule, "direction")?.toLowerCase() === "outbound" ? "outbound" : "inbound",
    access: textAt(rule, "access")?.toLowerCase() === "allow" ? "allow" : "deny",
    protocol,
    sources: source.addresses,
    sourcePorts: source.ports,
    destinations: destination.addresses,
    destinationPorts: destination.ports,
  };
}

/** Blocks go together into one match, each tag makes one of its own. */
function readAddresses(
  prefixes: readonly string[],
  addressSpace: readonly string[],
): readonly AddressMatch[] {
  const matches = prefixes.map((prefix) => readPrefix(prefix, addressSpace));
  if (matches.some(({ kind }) => kind === "any")) return [{ kind: "any" }];
  const blocks = matches.flatMap((match) => (match.kind === "inside" ? match.blocks : []));
  return [
    ...(blocks.length === 0 ? [] : [{ kind: "inside", blocks } as const]),
    ...matches.filter(({ kind }) => kind !== "inside"),
  ];
}

function readPrefix(prefix: string, addressSpace: readonly string[]): AddressMatch {
  switch (prefix.toLowerCase()) {
    case "*":
    case "0.0.0.0/0":
      return { kind: "any" };
    // The tag also stands for "the virtual IP address of the host", the platform's own.
    case "virtualnetwork":
      return { kind: "inside", blocks: [...addressSpace, `${AZURE_PLATFORM_ADDRESS}/32`] };
    case "azureloadbalancer":
      return { kind: "inside", blocks: [`${AZURE_PLATFORM_ADDRESS}/32`] };
    case "internet":
      return { kind: "outside", blocks: [...addressSpace, `${AZURE_PLATFORM_ADDRESS}/32`] };
    default: {
      const block = normalizeBlock(prefix);
      return block === undefined
        ? { kind: "nothing", prefix }
        : { kind: "inside", blocks: [block] };
    }
  }
}

/** Azure takes blocks with host bits and ignores those bits. */
export function normalizeBlock(text: string): string | undefined {
  const [address = "", bits = "32"] = text.split("/");
  const value = parseIpv4(address);
  if (value === undefined) return undefined;
  const block = parseCidr(text) ?? { base: networkOf(value, Number(bits)), prefix: Number(bits) };
  return formatCidr(block);
}

function readPorts(rule: string, texts: readonly string[]): PortMatch {
  if (texts.includes("*") || texts.length === 0) return "any";
  const ranges = texts.map((text) => {
    if (text === "0" || text.startsWith("0-")) {
      return { first: 0, last: parseRange(`1-${text.slice(2) || "1"}`)?.last ?? 0 };
    }
    const range = parseRange(text);
    if (range === undefined) {
      throw new NotSimulated("securityRules", rule, `${text} is not a range of ports`);
    }
    return range;
  });
  const merged = mergeRanges(ranges);
  const [only] = merged;
  return merged.length === 1 && only?.first === 0 && only.last === HIGHEST_PORT ? "any" : merged;
}
