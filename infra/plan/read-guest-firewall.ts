/** Reads an nftables ruleset back into filter rules: the part of its language that filters use. */
import { ANYWHERE, parseRange, type PortRange } from "#contract";
import { EVERY_PORT, normalizePeer, type Direction, type FilterRule } from "./packet-filter.ts";

/** Rules for packets of connections that exist already, of the machine itself, or of ICMP. */
const NOT_ABOUT_NEW_CONNECTIONS = [
  /^ct state (?!.*new)/,
  /^iif(name)? "?lo"?/,
  /^(meta l4proto|ip protocol|icmp|ip6 nexthdr) .*icmp/,
];

const HOOKS: Readonly<Record<string, Direction>> = { input: "inbound", output: "outbound" };

/**
 * Reads the rules of the input and output hooks, in order. The policy of the input chain is the
 * last rule.
 *
 * @throws RangeError quoting the line that it cannot read: better no answer than a wrong one.
 */
export function readGuestFirewall(ruleset: string): readonly FilterRule[] {
  const rules: FilterRule[] = [];
  let direction: Direction | undefined;
  let policy: FilterRule | undefined;
  for (const line of ruleset.split("\n").map((text) => text.trim())) {
    const hook = /^type filter hook (\w+) .*?(?:policy (\w+);)?$/.exec(line);
    if (hook !== null) {
      direction = HOOKS[hook[1] ?? ""];
      if (direction === "inbound") policy = policyRule(hook[2] ?? "accept");
    } else if (line.startsWith("chain ") || line.startsWith("table ")) {
      direction = undefined;
    } else if (direction !== undefined && isRule(line)) {
      rules.push(readRule(line, direction));
    }
  }
  return [...rules, policy ?? policyRule("accept")];
}

function isRule(line: string): boolean {
  return (
    line !== "" &&
    line !== "}" &&
    !line.startsWith("#") &&
    !NOT_ABOUT_NEW_CONNECTIONS.some((pattern) => pattern.test(line))
  );
}

/** What an input chain does with packets that no rule decides; without a chain all is open. */
function policyRule(policy: string): FilterRule {
  return {
    name: `policy ${policy}`,
    direction: "inbound",
    verdict: policy === "accept" ? "allow" : "deny",
    protocol: "any",
    ports: [EVERY_PORT],
    peers: [ANYWHERE],
    sourcePorts: [],
  };
}

/** One condition or statement of a rule: `keyword value`, where a value may be a set. */
const PART =
  /^(?<key>(?:ip (?:saddr|daddr)|(?:tcp|udp) (?:sport|dport)))\s+(?<value>\{[^}]*\}|[^\s]+)\s*|^(?<verdict>accept|drop|reject)\b\s*|^comment "(?<comment>[^"]*)"\s*|^counter(?: packets \d+ bytes \d+)?\s*/;

function readRule(line: string, direction: Direction): FilterRule {
  const parts = new Map<string, readonly string[]>();
  let verdict: "allow" | "deny" | undefined;
  let name = "(unnamed)";
  let rest = line;
  while (rest !== "") {
    const match = PART.exec(rest);
    if (match === null) throw new RangeError(`cannot read the rule: ${line}`);
    const { key, value, verdict: word, comment } = match.groups ?? {};
    if (key !== undefined && value !== undefined) parts.set(key, readSet(value));
    if (word !== undefined) verdict = word === "accept" ? "allow" : "deny";
    if (comment !== undefined) name = comment;
    rest = rest.slice(match[0].length);
  }
  if (verdict === undefined) throw new RangeError(`the rule has no verdict: ${line}`);
  const udp = parts.has("udp dport") || parts.has("udp sport");
  const tcp = parts.has("tcp dport") || parts.has("tcp sport");
  const ports = parts.get("tcp dport") ?? parts.get("udp dport");
  const peers = parts.get(direction === "inbound" ? "ip saddr" : "ip daddr");
  return {
    name,
    direction,
    verdict,
    protocol: tcp ? "tcp" : udp ? "udp" : "any",
    ports: ports === undefined ? [EVERY_PORT] : ports.map((text) => readPorts(text, line)),
    peers: (peers ?? [ANYWHERE]).map(normalizePeer),
    sourcePorts: (parts.get("tcp sport") ?? parts.get("udp sport") ?? []).map((text) =>
      readPorts(text, line),
    ),
  };
}

function readSet(value: string): readonly string[] {
  return value
    .replace(/^\{|\}$/g, "")
    .split(",")
    .map((element) => element.trim())
    .filter((element) => element !== "");
}

function readPorts(text: string, line: string): PortRange {
  const range = parseRange(text);
  if (range === undefined) throw new RangeError(`${text} is not a range of ports in: ${line}`);
  return range;
}
