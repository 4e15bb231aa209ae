/** What a change opens, closes or alters, between two exposure tables. */
import * as v from "valibot";
import { EXPOSURE_LAYERS, type ExposureRow } from "../../infra/plan/exposure.ts";

/** One permission that only one of the tables has. */
export interface ExposureChange {
  readonly kind: "added" | "removed";
  readonly line: string;
}

const texts = v.array(v.string());

const exposureTableSchema = v.array(
  v.object({
    layer: v.picklist(EXPOSURE_LAYERS),
    ranges: texts,
    sources: texts,
    rules: v.array(
      v.object({
        name: v.string(),
        direction: v.picklist(["inbound", "outbound"]),
        protocol: v.string(),
        ports: texts,
        sources: texts,
        sourcePorts: v.optional(texts),
      }),
    ),
    idleTimeoutSeconds: v.optional(v.number()),
    keepaliveSeconds: v.optional(v.number()),
  }),
);

/** Whether a document is a table as `gangway exposure --json` writes it. */
export function isExposureTable(document: unknown): document is readonly ExposureRow[] {
  return v.is(exposureTableSchema, document);
}

/** Compares two tables line by line; what both say is left out. In the order of the layers. */
export function compareExposure(
  before: readonly ExposureRow[],
  after: readonly ExposureRow[],
): readonly ExposureChange[] {
  const layers = [...new Set([...before, ...after].map(({ layer }) => layer))];
  return layers.flatMap((layer) => {
    const was = describeLayer(before.find((row) => row.layer === layer));
    const is = describeLayer(after.find((row) => row.layer === layer));
    return [
      ...was
        .filter((line) => !is.includes(line))
        .map((line): ExposureChange => ({ kind: "removed", line: `${layer}: ${line}` })),
      ...is
        .filter((line) => !was.includes(line))
        .map((line): ExposureChange => ({ kind: "added", line: `${layer}: ${line}` })),
    ];
  });
}

/** Writes changes as lines of a `diff`, which GitHub colours. */
export function formatChanges(changes: readonly ExposureChange[]): string {
  return changes.map(({ kind, line }) => `${kind === "added" ? "+" : "-"} ${line}`).join("\n");
}

function describeLayer(row: ExposureRow | undefined): readonly string[] {
  if (row === undefined) return [];
  const { ranges, rules, idleTimeoutSeconds, keepaliveSeconds } = row;
  return [
    ...(rules.length === 0 && ranges.length > 0 ? [`ports ${ranges.join(" ")}`] : []),
    ...rules.map(
      ({ name, direction, protocol, ports, sources, sourcePorts = [] }) =>
        `${direction} ${protocol} ${ports.join(" ")} ${direction === "inbound" ? "from" : "to"} ${sources.join(" ")}${sourcePorts.length === 0 ? "" : ` (source ports ${sourcePorts.join(" ")})`} by ${name}`,
    ),
    ...(idleTimeoutSeconds === undefined ? [] : [`idle timeout ${String(idleTimeoutSeconds)} s`]),
    ...(keepaliveSeconds === undefined ? [] : [`keepalive ${String(keepaliveSeconds)} s`]),
  ];
}
