/** The layers compared with the declaration, when their rows are at hand. */
import { containsPort, formatRange, mergeRanges, singlePort, type PortRange } from "#contract";
import { failed, notRun, passed, warned, type Check, type Verdict } from "../check.ts";
import { EXPOSURE_LAYERS, rangesOf, type ExposureLayer, type ExposureRow } from "../exposure.ts";
import { controlPortsOf, type Expectations } from "../options.ts";

export function planLayersCheck(): Check {
  return {
    id: "layers",
    title: "every layer has the declared ports",
    lane: "layers",
    needs: [],
    async run(context) {
      const { evidence } = context.expected;
      try {
        const rows = await context.rows();
        if (rows.length === 0) return notRun("no exposure rows at hand (--exposure, --evidence)");
        return compareLayers(rows, context.expected);
      } catch (error) {
        context.limit.signal.throwIfAborted();
        // The provider is somebody else's code or command; without it the rest still stands.
        if (evidence === undefined || !(error instanceof Error)) throw error;
        const [line = ""] = error.message.split("\n");
        return { kind: "warning", detail: `the layers could not be read: ${line}` };
      }
    },
  };
}

/** Linux picks ports of outgoing connections from here, so only these have to be reserved. */
const EPHEMERAL_PORTS: PortRange = { first: 32768, last: 60999 };

/** Which layer lacks what, and which lets more than the range through; pure. */
export function compareLayers(rows: readonly ExposureRow[], expected: Expectations): Verdict {
  const layers = EXPOSURE_LAYERS.flatMap((layer) => {
    const ranges = rangesOf(rows, layer);
    return ranges === undefined ? [] : [{ layer, ranges: mergeRanges(ranges) }];
  });
  const lacking = layers
    .map(({ layer, ranges }) => ({
      layer,
      ranges: declaredPorts(layer, expected).flatMap((range) => subtract(range, ranges)),
    }))
    .filter(({ ranges }) => ranges.length > 0);
  const [first] = lacking;
  if (first !== undefined) {
    return failed(
      { kind: "layerLacks", layer: first.layer, ranges: first.ranges.map(formatRange) },
      lacking
        .map((entry) => `${entry.layer} lacks ${entry.ranges.map(formatRange).join(", ")}`)
        .join("; "),
    );
  }
  const wider = layers
    .filter(({ layer }) => layer !== "reservedPorts")
    .map(({ layer, ranges }) => ({ layer, extra: beside(expected.passivePorts, ranges) }))
    .find(({ extra }) => extra.length > 0);
  if (wider !== undefined) {
    // The neighbour may be the health probe's port: worth a look, not a failure.
    const ranges = wider.extra.map(formatRange);
    return warned({ kind: "layerExceeds", layer: wider.layer, ranges });
  }
  return passed(layers.map(({ layer }) => layer).join(", "));
}

function declaredPorts(layer: ExposureLayer, expected: Expectations): readonly PortRange[] {
  const { passivePorts } = expected;
  if (layer === "reservedPorts") {
    const first = Math.max(passivePorts.first, EPHEMERAL_PORTS.first);
    const last = Math.min(passivePorts.last, EPHEMERAL_PORTS.last);
    return first <= last ? [{ first, last }] : [];
  }
  return [...controlPortsOf(expected).map(singlePort), passivePorts];
}

/** The parts of `range` that no range of `merged` covers. */
function subtract(range: PortRange, merged: readonly PortRange[]): readonly PortRange[] {
  let rest: readonly PortRange[] = [range];
  for (const { first, last } of merged) {
    rest = rest.flatMap((part) =>
      [
        { first: part.first, last: Math.min(part.last, first - 1) },
        { first: Math.max(part.first, last + 1), last: part.last },
      ].filter((piece) => piece.first <= piece.last),
    );
  }
  return rest;
}

/** What `merged` opens directly beside `range`. */
function beside(range: PortRange, merged: readonly PortRange[]): readonly PortRange[] {
  return merged
    .filter((open) => containsPort(open, range.first - 1) || containsPort(open, range.last + 1))
    .flatMap((open) => subtract(open, [range]));
}
