import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  activeDataPort,
  containsPort,
  countPorts,
  formatRange,
  isPort,
  mergeRanges,
  parseRange,
  rangesOverlap,
  singlePort,
  sliceRange,
  type PortRange,
} from "#contract";

const port = fc.integer({ min: 1, max: 65535 });
const range = fc
  .tuple(port, port)
  .map(([a, b]): PortRange => ({ first: Math.min(a, b), last: Math.max(a, b) }));
/** Narrow ranges close together, so that touching and overlapping are common. */
const crowded = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 8 }))
    .map(([first, length]): PortRange => ({ first, last: first + length })),
  { maxLength: 12 },
);

const portsOf = (ranges: readonly PortRange[]) =>
  new Set(
    ranges.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    ),
  );

describe("ranges", () => {
  it.each([
    ["50000-50099", { first: 50000, last: 50099 }],
    [" 50000 - 50099 ", { first: 50000, last: 50099 }],
    ["21", { first: 21, last: 21 }],
    ["1-65535", { first: 1, last: 65535 }],
  ])("reads %j", (text, expected) => {
    expect(parseRange(text)).toEqual(expected);
  });

  it("reads an inverted range as written, so that the error can show it", () => {
    expect(parseRange("60000-50000")).toEqual({ first: 60000, last: 50000 });
  });

  it.each(["", "-", "0-10", "1-65536", "1-", "-5", "a-b", "1.5-3", "1-2-3", "1,2", "123456"])(
    "does not read %j",
    (text) => {
      expect(parseRange(text)).toBeUndefined();
    },
  );

  it("reads what it wrote, and counts what it holds", () => {
    fc.assert(
      fc.property(range, (each) => {
        expect(parseRange(formatRange(each))).toEqual(each);
        expect(containsPort(each, each.first) && containsPort(each, each.last)).toBe(true);
        expect(containsPort(each, each.first - 1) || containsPort(each, each.last + 1)).toBe(false);
        expect(countPorts(each)).toBe(each.last - each.first + 1);
      }),
    );
  });

  it("overlap exactly when they share a port", () => {
    fc.assert(
      fc.property(crowded, crowded, (left, right) => {
        const a = left[0];
        const b = right[0];
        fc.pre(a !== undefined && b !== undefined);
        const shared = [...portsOf([a])].some((each) => portsOf([b]).has(each));
        expect(rangesOverlap(a, b)).toBe(shared);
      }),
    );
  });

  it.each([
    [1, true],
    [65535, true],
    [0, false],
    [65536, false],
    [1.5, false],
    [Number.NaN, false],
  ])("know whether %s can be a port", (value, expected) => {
    expect(isPort(value)).toBe(expected);
  });
});

describe("merging", () => {
  it.each([
    [[], []],
    [
      ["21-21", "22-30", "50-60"],
      ["21-30", "50-60"],
    ],
    [["1-10", "2-3"], ["1-10"]],
    [
      ["5-6", "1-2"],
      ["1-2", "5-6"],
    ],
    [
      ["1-2", "4-5"],
      ["1-2", "4-5"],
    ],
  ])("turns %j into %j", (written, expected) => {
    const ranges = written.map((text) => parseRange(text)).filter((each) => each !== undefined);
    expect(mergeRanges(ranges).map(formatRange)).toEqual(expected);
  });

  it("keeps the set of ports; the result is sorted, and its ranges do not touch", () => {
    fc.assert(
      fc.property(crowded, (ranges) => {
        const merged = mergeRanges(ranges);
        expect(portsOf(merged)).toEqual(portsOf(ranges));
        for (const [index, next] of merged.entries()) {
          const previous = merged[index - 1];
          if (previous !== undefined) expect(next.first).toBeGreaterThan(previous.last + 1);
        }
      }),
    );
  });

  it("is the same for two lists exactly when they hold the same ports", () => {
    fc.assert(
      fc.property(crowded, crowded, (a, b) => {
        const samePorts = portsOf(a).symmetricDifference(portsOf(b)).size === 0;
        const sameForm =
          mergeRanges(a).map(formatRange).join() === mergeRanges(b).map(formatRange).join();
        expect(sameForm).toBe(samePorts);
      }),
    );
  });

  it("does not change what it was given", () => {
    const ranges = [singlePort(30), singlePort(20), singlePort(21)];
    mergeRanges(ranges);
    expect(ranges).toEqual([singlePort(30), singlePort(20), singlePort(21)]);
  });
});

describe("slices", () => {
  it("are equal, disjoint, in order, and cover the range", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1024, max: 60000 }),
        (count, size, first) => {
          const whole = { first, last: first + count * size - 1 };
          const slices = sliceRange(whole, count);
          expect(slices.map(countPorts)).toEqual(Array.from({ length: count }, () => size));
          expect(slices[0]?.first).toBe(whole.first);
          expect(slices.at(-1)?.last).toBe(whole.last);
          for (const [index, slice] of slices.entries()) {
            const next = slices[index + 1];
            if (next !== undefined) expect(next.first).toBe(slice.last + 1);
          }
        },
      ),
    );
  });

  it.each([
    [{ first: 50000, last: 50099 }, 3],
    [{ first: 50000, last: 50001 }, 4],
    [{ first: 50000, last: 49999 }, 1],
  ])("of %j do not come in %i", (whole, count) => {
    expect(() => sliceRange(whole, count)).toThrow(RangeError);
  });
});

it("the port of active data connections is the one below the control port", () => {
  expect([21, 990].map(activeDataPort)).toEqual([20, 989]);
});
