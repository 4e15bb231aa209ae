/**
 * Exposure rows: which ports each layer lets through, as `gangway exposure --json` prints them or
 * as they were read back from live artefacts. With them the probe names the very layer that lacks
 * a port; from outside alone, layers that drop packets look the same.
 */
import * as v from "valibot";
import { containsPort, parseRange, parseWith, type PortRange } from "#contract";

/** The layers that packets meet on their way in, in order, and the two on the machine. */
export const EXPOSURE_LAYERS = [
  "subnetNsg",
  "nicNsg",
  "guestFirewall",
  "reservedPorts",
  "server",
] as const;
export type ExposureLayer = (typeof EXPOSURE_LAYERS)[number];

const rangeText = v.pipe(
  v.string(),
  v.check(
    (text) => parseRange(text) !== undefined,
    "is not a range of ports; write first-last, for example 50000-50099",
  ),
);

/** Only what the diagnosis reads; rows may say more. */
const rowSchema = v.object({ layer: v.string(), ranges: v.array(rangeText) });

const documentSchema = v.union([
  v.array(rowSchema),
  v.object({ rows: v.array(rowSchema) }),
  v.object({ exposure: v.array(rowSchema) }),
]);

/** One row. Several rows of one layer add up. */
export interface ExposureRow {
  readonly layer: string;
  /** `first-last` each. */
  readonly ranges: readonly string[];
}

/**
 * Parses rows: an array of them, or an object that holds one as `rows` or `exposure`.
 *
 * @throws ContractError when they are something else.
 */
export function parseExposure(document: unknown): readonly ExposureRow[] {
  const parsed = parseWith(documentSchema, document);
  if (Array.isArray(parsed)) return parsed;
  return "rows" in parsed ? parsed.rows : parsed.exposure;
}

/** The ports that `layer` lets through; undefined when no row speaks of it. */
export function rangesOf(
  rows: readonly ExposureRow[],
  layer: ExposureLayer,
): readonly PortRange[] | undefined {
  const own = rows.filter((row) => row.layer === layer);
  if (own.length === 0) return undefined;
  return own.flatMap(({ ranges }) => ranges.map(parseRange)).filter((range) => range !== undefined);
}

/** Whether `layer` lets `port` through; undefined when no row speaks of it. */
export function allows(
  rows: readonly ExposureRow[],
  layer: ExposureLayer,
  port: number,
): boolean | undefined {
  return rangesOf(rows, layer)?.some((range) => containsPort(range, port));
}
