/**
 * What an ordered list of filter rules lets through, whichever layer the rules were read from.
 * First match decides, as in Azure's security groups and in an nftables chain.
 */
import {
  ANYWHERE,
  AZURE_PLATFORM_ADDRESS,
  cidrCovers,
  HIGHEST_PORT,
  LOWEST_PORT,
  mergeRanges,
  parseCidr,
  rangesOverlap,
  type PortRange,
} from "#contract";

export type FilterProtocol = "tcp" | "udp" | "any" | "other";
export type Direction = "inbound" | "outbound";

/** One rule of a filter, as read. */
export interface FilterRule {
  readonly name: string;
  readonly direction: Direction;
  readonly verdict: "allow" | "deny";
  readonly protocol: FilterProtocol;
  /** Destination ports. */
  readonly ports: readonly PortRange[];
  /** The far end: sources of inbound rules, destinations of outbound ones. Normalised. */
  readonly peers: readonly string[];
  /** Source ports; empty: any. */
  readonly sourcePorts: readonly PortRange[];
}

/** Every TCP port, for rules that name none. */
export const EVERY_PORT: PortRange = { first: LOWEST_PORT, last: HIGHEST_PORT };

/** The address behind Azure's health probe tag, so that both spellings compare as equal. */
const TAG_ADDRESSES: ReadonlyMap<string, string> = new Map([
  ["azureloadbalancer", `${AZURE_PLATFORM_ADDRESS}/32`],
  ["*", ANYWHERE],
  ["any", ANYWHERE],
  ["internet", ANYWHERE],
]);

/** One spelling for each peer: a CIDR block, or the service tag where no block stands for it. */
export function normalizePeer(text: string): string {
  const known = TAG_ADDRESSES.get(text.toLowerCase());
  if (known !== undefined) return known;
  return parseCidr(text) !== undefined && !text.includes("/") ? `${text}/32` : text;
}

/**
 * The allowing rules that are in force: each without the ports that an earlier rule denies to all
 * of its peers. Rules of which nothing remains are left out.
 */
export function rulesInForce(ordered: readonly FilterRule[]): readonly FilterRule[] {
  return ordered.flatMap((rule, index) => {
    if (rule.verdict === "deny") return [];
    const denied = ordered
      .slice(0, index)
      .filter((earlier) => earlier.verdict === "deny" && shadows(earlier, rule))
      .flatMap((earlier) => earlier.ports);
    const ports = subtractRanges(rule.ports, denied);
    return ports.length === 0 ? [] : [{ ...rule, ports }];
  });
}

/** True when `earlier` decides every packet of its ports that `rule` would decide. */
function shadows(earlier: FilterRule, rule: FilterRule): boolean {
  return (
    earlier.direction === rule.direction &&
    (earlier.protocol === "any" || earlier.protocol === rule.protocol) &&
    earlier.sourcePorts.length === 0 &&
    rule.peers.every((peer) => earlier.peers.some((other) => peerCovers(other, peer)))
  );
}

function peerCovers(outer: string, inner: string): boolean {
  if (outer === inner || outer === ANYWHERE) return true;
  const [outerBlock, innerBlock] = [parseCidr(outer), parseCidr(inner)];
  return outerBlock !== undefined && innerBlock !== undefined && cidrCovers(outerBlock, innerBlock);
}

/** The inbound TCP ports that rules in force open, merged. */
export function openPorts(inForce: readonly FilterRule[]): readonly PortRange[] {
  return mergeRanges(
    inForce
      .filter(
        ({ direction, protocol }) =>
          direction === "inbound" && (protocol === "tcp" || protocol === "any"),
      )
      .flatMap(({ ports }) => ports),
  );
}

function subtractRanges(
  ranges: readonly PortRange[],
  holes: readonly PortRange[],
): readonly PortRange[] {
  return holes.reduce<readonly PortRange[]>(
    (left, hole) =>
      left.flatMap((range) =>
        rangesOverlap(range, hole)
          ? [
              { first: range.first, last: hole.first - 1 },
              { first: hole.last + 1, last: range.last },
            ].filter(({ first, last }) => first <= last)
          : [range],
      ),
    ranges,
  );
}
