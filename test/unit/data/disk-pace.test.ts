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

test("one slow operation rests it for a second", () => {
  const { pace, operate, pass } = makeDisk();
  operate(50);
  expect(pace.isFast).toBe(false);
  pass(999);
  expect(pace.isFast).toBe(false);
  pass(1);
  expect(pace.isFast).toBe(true);
});

test("slow again after its rest, it rests twice as long, up to a minute", () => {
  const { pace, operate, pass } = makeDisk();
  const rests: number[] = [];
  for (let again = 0; again < 9; again++) {
    operate(50);
    let rest = 0;
    for (; !pace.isFast; rest += 500) pass(500);
    rests.push(rest);
  }
  expect(rests).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test("a fast operation after the rest clears its record", () => {
  const { pace, operate, pass } = makeDisk();
  operate(50);
  pass(1000);
  operate(1);
  operate(50);
  pass(1000);
  expect(pace.isFast).toBe(true);
});

test("an operation that throws is the caller's", () => {
  const { pace } = makeDisk();
  expect(() =>
    pace.measure(() => {
      throw new Error("EIO");
    }),
  ).toThrow("EIO");
});
