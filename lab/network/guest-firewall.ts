/** The guest firewall as the machine's kernel has it, read back from `nft --json`. */
import {
  cidrContains,
  formatCidr,
  HIGHEST_PORT,
  LOWEST_PORT,
  parseCidr,
  parseIpv4,
  type PortRange,
} from "#contract";
import { at, isRecord, listAt, textAt, type Value } from "../cloud/values.ts";

/** What one rule does to the first TCP packet of a certain client. */
interface LiveRule {
  readonly ports: readonly PortRange[];
  readonly verdict: "accept" | "drop";
}

const EVERY_PORT: PortRange = { first: LOWEST_PORT, last: HIGHEST_PORT };

/**
 * The TCP ports that a client reaches through every chain at the input hook.
 *
 * @param listing the document that `nft --json list ruleset` prints.
 */
export function openGuestPorts(listing: Value, client: string): readonly PortRange[] {
  const objects = listAt(listing, "nftables");
  const chains = objects
    .map((object) => at(object, "chain"))
    .filter((chain) => textAt(chain, "hook") === "input" && textAt(chain, "type") === "filter");
  return chains.reduce<readonly PortRange[]>(
    (open, chain) => {
      const rules = objects
        .map((object) => at(object, "rule"))
        .filter(
          (rule) =>
            textAt(rule, "table") === textAt(chain, "table") &&
            textAt(rule, "chain") === textAt(chain, "name"),
        )
        .flatMap((rule) => readRule(listAt(rule, "expr"), client));
      return open.flatMap((range) => openWithin(range, rules, textAt(chain, "policy")));
    },
    [EVERY_PORT],
  );
}

/** A verdict can only change where some rule's range begins or has ended. */
function openWithin(
  range: PortRange,
  rules: readonly LiveRule[],
  policy: string | undefined,
): readonly PortRange[] {
  const edges = rules
    .flatMap(({ ports }) => ports.flatMap(({ first, last }) => [first, last + 1]))
    .filter((port) => port > range.first && port <= range.last);
  const starts = [...new Set([range.first, ...edges])].toSorted((a, b) => a - b);
  return starts.flatMap((first, index) => {
    const rule = rules.find(({ ports }) =>
      ports.some((each) => first >= each.first && first <= each.last),
    );
    const last = (starts[index + 1] ?? range.last + 1) - 1;
    return (rule?.verdict ?? policy) === "accept" ? [{ first, last }] : [];
  });
}

/** Empty for a rule that no first TCP packet of this client matches, or that decides nothing. */
function readRule(expressions: readonly Value[], client: string): readonly LiveRule[] {
  const verdict = (["accept", "drop"] as const).find((word) =>
    expressions.some((each) => isRecord(each) && word in each),
  );
  if (verdict === undefined) return [];
  let ports: readonly PortRange[] = [EVERY_PORT];
  for (const expression of expressions) {
    const match = at(expression, "match");
    if (match === undefined) continue;
    const right = elementsOf(at(match, "right"));
    const field = fieldOf(at(match, "left"));
    const negated = textAt(match, "op") === "!=";
    if (field === "tcp dport" && !negated) ports = right.flatMap(readPorts);
    else if (matchesFirstPacket(field, right, client) === negated) return [];
  }
  return [{ ports, verdict }];
}

function fieldOf(left: Value | undefined): string {
  const protocol = textAt(left, "payload", "protocol");
  if (protocol !== undefined) return `${protocol} ${textAt(left, "payload", "field") ?? ""}`;
  const key = textAt(left, "meta", "key");
  return key === undefined ? `ct ${textAt(left, "ct", "key") ?? ""}` : `meta ${key}`;
}

function matchesFirstPacket(field: string, right: readonly Value[], client: string): boolean {
  switch (field) {
    case "ip saddr":
      return right.some((block) => holdsAddress(block, client));
    case "ct state":
      return right.includes("new");
    case "meta l4proto":
      return right.includes("tcp");
    case "meta nfproto":
      return right.includes("ipv4");
    default:
      // Loopback, other protocols, other versions: not this packet.
      return false;
  }
}

function elementsOf(right: Value | undefined): readonly Value[] {
  if (right === undefined) return [];
  const set = listAt(right, "set");
  if (set.length > 0) return set;
  return Array.isArray(right) ? listAt({ right }, "right") : [right];
}

function readPorts(element: Value): readonly PortRange[] {
  const [first, last] = listAt(element, "range");
  if (typeof element === "number") return [{ first: element, last: element }];
  return typeof first === "number" && typeof last === "number" ? [{ first, last }] : [];
}

function holdsAddress(element: Value, client: string): boolean {
  const address = parseIpv4(client);
  const length = at(element, "prefix", "len");
  const text =
    typeof element === "string"
      ? element
      : `${textAt(element, "prefix", "addr") ?? ""}/${typeof length === "number" ? String(length) : ""}`;
  const cidr = parseCidr(text);
  if (address === undefined || cidr === undefined) return false;
  return formatCidr(cidr) === "0.0.0.0/0" || cidrContains(cidr, address);
}
