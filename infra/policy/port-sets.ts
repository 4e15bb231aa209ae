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

export const EVERY_PORT: PortRange = { first: LOWEST_PORT, last: HIGHEST_PORT };

/** Reads a port or range as Azure and nftables write them; `*` is every port, and 0 means nothing. */
export function readPorts(text: string): PortRange | undefined {
  if (text === "*") return EVERY_PORT;
  return parseRange(text.replace(/\s/g, "").replace(/^0-/, `${String(LOWEST_PORT)}-`));
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
