import { expect, test } from "vitest";
import { ClientPace } from "../../../server/data/client-pace.ts";

const MIB = 1024 * 1024;

function openPace() {
  let nowMs = 0;
  const pace = new ClientPace(() => nowMs);
  return { pace, pass: (milliseconds: number) => (nowMs += milliseconds) };
}

/** Judges when so much has moved, and not before. */
function expectWindow(pace: ClientPace, mib: number): void {
  pace.moved((mib - 1) * MIB);
  expect(pace.keepsUp).toBe(false);
  pace.moved(MIB);
  expect(pace.keepsUp).toBe(true);
}

test("knows nothing before 4 MiB have moved", () => {
  const { pace } = openPace();
  expectWindow(pace, 4);
});

test("once it has judged, looks at more than buffers hold", () => {
  const { pace, pass } = openPace();
  pass(10);
  pace.waited(MIB);
  expect(pace.keepsUp).toBe(false);
  expectWindow(pace, 16);
});

test("a client that never lets its socket fill up keeps up, however long it took", () => {
  const { pace, pass } = openPace();
  pass(60_000);
  pace.moved(16 * MIB);
  expect(pace.keepsUp).toBe(true);
});

test("of a client that did, its speed decides", () => {
  const { pace, pass } = openPace();
  pace.filled();
  pass(10);
  pace.moved(16 * MIB);
  expect(pace.keepsUp).toBe(true);
  pace.filled();
  pass(1000);
  pace.moved(16 * MIB);
  expect(pace.keepsUp).toBe(false);
  // The next window stands for itself.
  pass(1000);
  pace.moved(16 * MIB);
  expect(pace.keepsUp).toBe(true);
});

test("judges at once what was waited for, and forgets when it is told to", () => {
  const { pace, pass } = openPace();
  pass(500);
  pace.restart();
  pass(10);
  pace.waited(32 * MIB);
  expect(pace.keepsUp).toBe(true);
  pass(10);
  pace.waited(MIB);
  expect(pace.keepsUp).toBe(false);
  pace.moved(16 * MIB);
  expect(pace.keepsUp).toBe(true);
  pace.restart();
  expect(pace.keepsUp).toBe(false);
});

test("tells what the client takes in some time, by what was moved last", () => {
  const { pace, pass } = openPace();
  expect(pace.bytesIn(20)).toBe(0);
  pass(8);
  pace.moved(16 * MIB);
  expect(pace.bytesIn(20)).toBe(40 * MIB);
  pace.restart();
  expect(pace.bytesIn(20)).toBe(0);
  pass(64);
  pace.waited(32 * MIB);
  expect(pace.bytesIn(20)).toBe(10 * MIB);
});

test("a clock that does not move on says that the client is as fast as can be", () => {
  const { pace } = openPace();
  pace.waited(32 * MIB);
  expect(pace.keepsUp).toBe(true);
  expect(pace.bytesIn(20)).toBeGreaterThan(1024 * MIB);
  expect(pace.bytesIn(20)).toBeLessThan(Infinity);
});
