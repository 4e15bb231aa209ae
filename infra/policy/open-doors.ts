/** Policies 4 and 5: no administration port for the internet, and an explicit end of the rules. */
import {
  AZURE_PLATFORM_ADDRESS,
  containsPort,
  formatRange,
  parseCidr,
} from "../../server/contract/index.ts";
import { eachResource } from "./each-resource.ts";
import { coverEveryPort, readAllPorts } from "./port-sets.ts";
import {
  EVERYONE,
  hasPorts,
  readRule,
  readRules,
  readGroupsWithin,
  RULE_HOLDERS,
  shutsEveryAddress,
  shutsInternet,
  type RuleFacts,
} from "./resource-facts.ts";

/** Administration by shell and by desktop. */
const ADMINISTRATION_PORTS = [22, 3389] as const;
/** A block with a shorter prefix is no organisation's: two halves of the internet are the internet. */
const SHORTEST_OWNED_PREFIX = 8;

export const noAdministrationFromInternet = eachResource({
  name: "no-administration-from-the-internet",
  description:
    "No inbound rule opens SSH or RDP to the internet, in whatever spelling: machines are administered by Run Command, without an open port.",
  types: [...RULE_HOLDERS, "network:SecurityRule"],
  judge: (properties, name, type) =>
    type.endsWith(":SecurityRule")
      ? judgeAdministration(readRule(properties, name), [])
      : readGroupsWithin(type, properties).flatMap((rules) =>
          rules.flatMap((rule) => judgeAdministration(rule, rules)),
        ),
});

/** @param rules all rules of the group: one that denies everyone before makes this one moot. */
function judgeAdministration(rule: RuleFacts, rules: readonly RuleFacts[]): readonly string[] {
  if (!rule.inbound || !rule.allows || !hasPorts(rule)) return [];
  if (!rule.sources.some(isInternet) && !coverInternet(rule.sources)) return [];
  const ranges = readAllPorts(rule.destinationPorts);
  return ADMINISTRATION_PORTS.flatMap((port) => {
    const range = ranges.find((each) => containsPort(each, port));
    return range === undefined || rules.some((other) => shutsBefore(other, rule, port))
      ? []
      : [
          `Rule ${rule.name} opens ${formatRange(range)}, and so port ${String(port)}, to the internet (${rule.sources.join(", ")}). Remove it and use Run Command or Bastion, or name the administrators' own addresses.`,
        ];
  });
}

function shutsBefore(other: RuleFacts, rule: RuleFacts, port: number): boolean {
  return (
    shutsInternet(other) &&
    other.priority < rule.priority &&
    (other.protocol === "*" || other.protocol === rule.protocol) &&
    readAllPorts(other.destinationPorts).some((range) => containsPort(range, port))
  );
}

/** IPv6 blocks are handed out to organisations as /29 or longer. */
const SHORTEST_OWNED_IPV6_PREFIX = 16;
/** Service tags behind which anybody can rent an address. */
const RENTED: ReadonlySet<string> = new Set(["azurecloud"]);

/** Many blocks together are the internet as well, however small each one is. */
function coverInternet(sources: readonly string[]): boolean {
  const addresses = sources
    .map((source) => parseCidr(source))
    .reduce((sum, cidr) => sum + (cidr === undefined ? 0 : 2 ** (32 - cidr.prefix)), 0);
  return addresses >= 2 ** (32 - SHORTEST_OWNED_PREFIX + 1);
}

function isInternet(source: string): boolean {
  const lower = source.toLowerCase();
  if (EVERYONE.has(lower) || RENTED.has(lower.split(".")[0] ?? "")) return true;
  const [, ipv6Prefix] = /^[0-9a-f:]*:[0-9a-f:]*\/(\d+)$/.exec(lower) ?? [];
  if (ipv6Prefix !== undefined) return Number(ipv6Prefix) < SHORTEST_OWNED_IPV6_PREFIX;
  const cidr = parseCidr(source);
  return cidr !== undefined && cidr.prefix < SHORTEST_OWNED_PREFIX;
}

export const explicitDenyLast = eachResource({
  name: "security-groups-end-with-deny-all",
  description:
    "Each security group ends with an explicit inbound denial of everything, and Azure's health probe is let in before it: the denial would hide Azure's own rule for the probe.",
  types: ["network:NetworkSecurityGroup"],
  judge: (properties, name) => {
    const inbound = readRules(properties)
      .filter((rule) => rule.inbound)
      .toSorted((a, b) => a.priority - b.priority);
    if (inbound.length === 0) return [];
    const last = inbound.at(-1);
    if (last === undefined || !deniesEverything(last)) {
      return [
        `${name} does not end with a rule that denies everything inbound. Add one with the highest priority number, so that nothing depends on defaults that few people know.`,
      ];
    }
    const probe = inbound.some(
      (rule) =>
        rule.allows && rule.sources.some((source) => PROBE_SOURCES.has(source.toLowerCase())),
    );
    return probe
      ? []
      : [
          `${name} denies everything and so shuts out Azure's health probe. Allow ${AZURE_PLATFORM_ADDRESS} (AzureLoadBalancer) to the health port before the denial.`,
        ];
  },
});

const PROBE_SOURCES: ReadonlySet<string> = new Set([
  "azureloadbalancer",
  AZURE_PLATFORM_ADDRESS,
  `${AZURE_PLATFORM_ADDRESS}/32`,
]);

function deniesEverything(rule: RuleFacts): boolean {
  return shutsEveryAddress(rule) && rule.protocol === "*" && coverEveryPort(rule.destinationPorts);
}
