import fc from "fast-check";
import { expect, test } from "vitest";
import { countPorts, type PortRange } from "#contract";
import {
  GENERATIONS,
  mostWorkers,
  planPortSlices,
  type PortSlices,
} from "../../../server/data/port-slices.ts";

const range = fc
  .tuple(fc.integer({ min: 1024, max: 60_000 }), fc.integer({ min: 1, max: 1500 }))
  .map(([first, ports]): PortRange => ({ first, last: first + ports - 1 }));

const listed = (ranges: readonly PortRange[]): number[] =>
  ranges.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
const whole = ({ own, borrowed }: PortSlices): number[] => listed([...own, ...borrowed]);
const sorted = (ports: readonly number[]): number[] => ports.toSorted((a, b) => a - b);

test("the workers of a generation share a range without a gap and without an overlap", () => {
  fc.assert(
    fc.property(
      range,
      fc.constantFrom(undefined, ...GENERATIONS),
      fc.integer({ min: 1, max: 16 }),
      (ports, generation, asked) => {
        const workers = Math.min(asked, mostWorkers(ports, generation));
        const slices = Array.from({ length: workers }, (_, worker) =>
          planPortSlices(ports, { generation, worker, workers }),
        );
        expect(sorted(slices.flatMap(whole))).toEqual(listed([ports]));
        for (const slice of slices) expect(whole(slice).length).toBeGreaterThan(0);
      },
    ),
  );
});

test("no worker of one generation prefers a port that any of the other prefers", () => {
  fc.assert(
    fc.property(range, fc.nat(8), fc.nat(8), (ports, more, others) => {
      const own = (generation: "a" | "b", workers: number): number[] =>
        Array.from({ length: workers }, (_, worker) =>
          listed(planPortSlices(ports, { generation, worker, workers }).own),
        ).flat();
      const [a, b] = [own("a", more + 1), own("b", others + 1)];
      expect(new Set([...a, ...b]).size).toBe(countPorts(ports));
      expect(a.length + b.length).toBe(countPorts(ports));
      expect(Math.abs(a.length - b.length)).toBeLessThanOrEqual(1);
    }),
  );
});

test("without another generation the range is one's own", () => {
  const slices = planPortSlices(
    { first: 50_000, last: 50_099 },
    { generation: undefined, worker: 0, workers: 1 },
  );
  expect(slices).toEqual({ own: [{ first: 50_000, last: 50_099 }], borrowed: [] });
});
