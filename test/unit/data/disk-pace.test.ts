import { expect, test } from "vitest";
import { DiskPace } from "../../../server/data/disk-pace.ts";

function makeDisk() {
  let nowMs = 0;
  const pace = new DiskPace(() => nowMs);
  return {
    pace,
    pass: (ms: number): void => void (nowMs += ms),
    operate: (ms: number): string =>
      pace.measure(() => {
        nowMs += ms;
        return "done";
      }),
  };
}

test("a fast disk stays fast, and gives what it was asked for", () => {
  const { pace, operate } = makeDisk();
  for (let again = 0; again < 100; again++) expect(operate(1)).toBe("done");
  expect(pace.isFast).toBe(true);
});

test("one slow operation rests it for a moment", () => {
  const { pace, operate, pass } = makeDisk();
  operate(50);
  expect(pace.isFast).toBe(false);
  pass(24);
  expect(pace.isFast).toBe(false);
  pass(1);
  expect(pace.isFast).toBe(true);
});

/** Milliseconds until the disk counts as fast. */
function restOf({ pace, pass }: ReturnType<typeof makeDisk>): number {
  let rest = 0;
  for (; !pace.isFast; rest += 25) pass(25);
  return rest;
}

test("slow again soon, it rests eight times as long, up to a minute", () => {
  const disk = makeDisk();
  const rests = Array.from({ length: 7 }, () => {
    disk.operate(50);
    const rest = restOf(disk);
    disk.operate(1);
    return rest;
  });
  expect(rests).toEqual([25, 200, 1600, 12_800, 60_000, 60_000, 60_000]);
});

test("fast for long enough, its record is cleared", () => {
  const disk = makeDisk();
  disk.operate(50);
  restOf(disk);
  disk.operate(50);
  restOf(disk);
  disk.pass(1999);
  disk.operate(50);
  expect(restOf(disk)).toBe(1600);
  disk.pass(2001);
  disk.operate(50);
  expect(restOf(disk)).toBe(25);
});

test("an operation that throws is the caller's", () => {
  const { pace } = makeDisk();
  expect(() =>
    pace.measure(() => {
      throw new Error("EIO");
    }),
  ).toThrow("EIO");
});
