/**
 * IP address and domain restrictions as in IIS: who may come at all, and to which folders.
 *
 * For one path, the nearest level that has a matching rule decides; of the rules of one level the
 * first match wins, in the order of the settings (as IIS evaluates its ordered list); without any
 * match `unspecifiedClients` decides. To close a folder to everybody else, end its rules with
 * `{effect: deny, address: "*"}`.
 *
 * The work is divided: compile once per settings, match once per client (its address and names do
 * not change), decide per path.
 */
import {
  addressBlocksOf,
  blockContains,
  blockOf,
  parseClientAddress,
  type ClientAddress,
  type IpRestrictions,
  type IpRule,
} from "#contract";
import { canonicalHostName } from "./client-names.ts";
import { planPathTree } from "./path-tree.ts";

/** A rule with its place in the settings: `ipRestrictions.rules.2`. */
export interface PlacedIpRule {
  readonly rule: IpRule;
  readonly index: number;
}

export type IpReason =
  | { readonly kind: "rule"; readonly by: PlacedIpRule }
  | { readonly kind: "unspecified" }
  | { readonly kind: "healthCheck" }
  /** The client's address is not an address; nobody like that gets in. */
  | { readonly kind: "unreadable" };

export interface IpDecision {
  readonly allowed: boolean;
  readonly reason: IpReason;
}

/** What the rules say about one client. */
export interface ClientRestrictions {
  /** @param path absolute, normalised path of the site; `/` when the client connects. */
  decide(path: string): IpDecision;
}

export interface IpRestrictionPlan {
  /** True when a rule names hosts: then the client's names are worth looking up. */
  readonly usesHostNames: boolean;
  /** Whether every client is treated alike: nobody is denied anything. */
  readonly admitsAll: boolean;
  /** @param hostNames confirmed names (`confirmHostNames`); empty without a look-up. */
  forClient(address: string, hostNames: readonly string[]): ClientRestrictions;
}

const HEALTH_CHECK: IpDecision = { allowed: true, reason: { kind: "healthCheck" } };
const UNREADABLE: IpDecision = { allowed: false, reason: { kind: "unreadable" } };

/** Compiles the settings of a site. */
export function planIpRestrictions(settings: IpRestrictions): IpRestrictionPlan {
  const matcher = planMatcher(settings.rules);
  const healthCheck = settings.healthCheckAddresses.flatMap(addressBlocksOf);
  const unspecified: IpDecision = {
    allowed: settings.unspecifiedClients === "allow",
    reason: { kind: "unspecified" },
  };
  return {
    admitsAll: settings.rules.length === 0 && settings.unspecifiedClients === "allow",
    usesHostNames: settings.rules.some(({ hostName }) => hostName !== undefined),
    forClient: (addressText, hostNames) => {
      const address = parseClientAddress(addressText);
      if (address === undefined) return { decide: () => UNREADABLE };
      if (healthCheck.some((block) => blockContains(block, address))) {
        return { decide: () => HEALTH_CHECK };
      }
      const levels = new Map<string, IpDecision>();
      for (const by of matcher(address, hostNames)) {
        if (levels.has(by.rule.path)) continue;
        levels.set(by.rule.path, {
          allowed: by.rule.effect === "allow",
          reason: { kind: "rule", by },
        });
      }
      const tree = planPathTree(levels);
      return { decide: (path) => tree.nearest(path)?.value ?? unspecified };
    },
  };
}

/** One sentence without a full stop, for the log. */
export function formatIpDecision({ allowed, reason }: IpDecision, address: string): string {
  const verdict = allowed ? "allowed" : "denied";
  switch (reason.kind) {
    case "rule": {
      const { rule, index } = reason.by;
      return `${address} is ${verdict} by ipRestrictions.rules.${String(index)} (${rule.effect} ${rule.address ?? rule.hostName ?? ""} at ${rule.path})`;
    }
    case "unspecified":
      return `${address} is ${verdict}: no rule matches and ipRestrictions.unspecifiedClients is ${allowed ? "allow" : "deny"}`;
    case "healthCheck":
      return `${address} is ${verdict} by ipRestrictions.healthCheckAddresses`;
    case "unreadable":
      return `${address} is ${verdict}: not an address`;
  }
}

/** Rules that match a client, in the order of the settings. */
type Matcher = (address: ClientAddress, hostNames: readonly string[]) => readonly PlacedIpRule[];

/**
 * An index by length of prefix, then by first address; and by host name. So a client costs as many
 * look-ups as there are different lengths, plus the rules that do match.
 */
function planMatcher(rules: readonly IpRule[]): Matcher {
  const byBlock = new Map<string, Map<bigint, PlacedIpRule[]>>();
  const byName = new Map<string, PlacedIpRule[]>();
  for (const [index, rule] of rules.entries()) {
    for (const { family, prefix, value } of rule.address === undefined
      ? []
      : addressBlocksOf(rule.address)) {
      const key = `${String(family)}/${String(prefix)}`;
      const sameLength = byBlock.get(key) ?? new Map<bigint, PlacedIpRule[]>();
      byBlock.set(key, sameLength);
      append(sameLength, value, { rule, index });
    }
    if (rule.hostName !== undefined) {
      append(byName, canonicalHostName(rule.hostName), { rule, index });
    }
  }
  const lengths = [...byBlock].map(([key, blocks]) => {
    const [family, prefix] = key.split("/").map(Number);
    return { family, prefix: prefix ?? 0, blocks };
  });
  return (address, hostNames) => {
    const matching = lengths.flatMap(({ family, prefix, blocks }) =>
      family === address.family ? (blocks.get(blockOf(address, prefix).value) ?? []) : [],
    );
    const named = hostNames.flatMap((name) =>
      patternsOf(canonicalHostName(name)).flatMap((pattern) => byName.get(pattern) ?? []),
    );
    return [...new Set([...matching, ...named])].toSorted((a, b) => a.index - b.index);
  };
}

function append<K>(map: Map<K, PlacedIpRule[]>, key: K, placed: PlacedIpRule): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [placed]);
  else list.push(placed);
}

/** Every way in which a rule can name the host: `a.b.c`, `*.b.c`, `*.c`. */
function patternsOf(name: string): readonly string[] {
  const labels = name.split(".");
  return [name, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`)];
}
