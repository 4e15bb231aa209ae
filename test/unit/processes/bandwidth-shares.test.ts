import fc from "fast-check";
import { expect, test } from "vitest";
import { planShares, shareOut, type ShareUse } from "../../../server/processes/bandwidth-shares.ts";

const use = fc.record({
  bytes: fc.integer({ min: 0, max: 10_000_000 }),
  held: fc.boolean(),
  sessions: fc.integer({ min: 0, max: 5000 }),
});
const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

test("all shares together are the limit, and everybody can begin", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 1_000_000_000 }),
      fc.array(use, { minLength: 1, maxLength: 16 }),
      (limit, uses) => {
        const shares = shareOut(limit, uses, 250);
        expect(sum(shares) / limit).toBeCloseTo(1, 6);
        for (const share of shares) expect(share).toBeGreaterThan(0);
      },
    ),
  );
});

const held = (sessions: number): ShareUse => ({ bytes: 1000, held: true, sessions });
const idle: ShareUse = { bytes: 0, held: false, sessions: 0 };

test("who is held back gets what the others leave", () => {
  const [mine = 0, theirs = 0] = shareOut(1_000_000, [held(3), idle], 250);
  expect(mine).toBeGreaterThan(900_000);
  expect(theirs).toBeGreaterThanOrEqual(50_000);
});

test("workers that are all held back share by their sessions", () => {
  const [one = 0, three = 0] = shareOut(1_000_000, [held(1), held(3)], 250);
  expect(three / one).toBeGreaterThan(2.5);
  expect(three / one).toBeLessThan(3.1);
});

test("each limited scope is planned by itself, for every worker", () => {
  const limits = { upBytesPerSecond: 1000 };
  const scope = { keys: ["site:a"], limits, up: held(1), down: idle, sessions: 1 };
  const [first, second] = planShares([[scope], []], 250);
  expect(first).toEqual([{ keys: ["site:a"], up: expect.any(Number) as number, down: 1 }]);
  expect((first?.[0]?.up ?? 0) + (second?.[0]?.up ?? 0)).toBeCloseTo(1);
  expect(first?.[0]?.up ?? 0).toBeGreaterThan(0.9);
});
