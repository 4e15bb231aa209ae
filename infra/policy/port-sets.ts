/** Sets of ports, as policies compare and quote them. */
import {
  formatRange,
  HIGHEST_PORT,
  LOWEST_PORT,
  mergeRanges,
  parseRange,
  rangesOverlap,
  type PortRange,
} from "../../server/contract/index.ts";

const EVERY_PORT: PortRange = { first: LOWEST_PORT, last: HIGHEST_PORT };

/** Reads a port or range as Azure and nftables write them; `*` is every port, and 0 means nothing. */
export function readPorts(text: string): PortRange | undefined {
  if (text === "*") return EVERY_PORT;
  return parseRange(text.replace(/\s/g, "").replace(/^0-/, `${String(LOWEST_PORT)}-`));
}

/**
 * Every port that texts of a rule name, also those in one text with commas. What cannot be read
 * counts as every port: a policy had better ask about it than overlook it.
 */
export function readAllPorts(texts: readonly string[]): readonly PortRange[] {
  return texts
    .flatMap((text) => text.split(","))
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => (text === "0" ? undefined : (readPorts(text) ?? EVERY_PORT)))
    .filter((range) => range !== undefined);
}

/** Whether texts of a rule name every port, in one piece or in several. */
export function coverEveryPort(texts: readonly string[]): boolean {
  return subtract([EVERY_PORT], readAllPorts(texts)).length === 0;
}

export function subtract(
  ranges: readonly PortRange[],
  holes: readonly PortRange[],
): readonly PortRange[] {
  return holes.reduce(
    (left, hole) =>
      left.flatMap((range) =>
        rangesOverlap(range, hole)
          ? [
              { first: range.first, last: hole.first - 1 },
              { first: hole.last + 1, last: range.last },
            ].filter(({ first, last }) => first <= last)
          : [range],
      ),
    mergeRanges(ranges),
  );
}

export function formatPorts(ranges: readonly PortRange[]): string {
  return (
    mergeRanges(ranges)
      .map((range) => (range.first === range.last ? String(range.first) : formatRange(range)))
      .join(", ") || "none"
  );
}

/** How two sets differ, in words; undefined when they are equal. */
export function describeDifference(
  found: readonly PortRange[],
  wanted: readonly PortRange[],
): string | undefined {
  const missing = subtract(wanted, found);
  const extra = subtract(found, wanted);
  const parts = [
    ...(missing.length === 0 ? [] : [`lacks ${formatPorts(missing)}`]),
    ...(extra.length === 0 ? [] : [`has ${formatPorts(extra)} too much`]),
  ];
  return parts.length === 0 ? undefined : parts.join(" and ");
}
