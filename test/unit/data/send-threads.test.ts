import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SendThreads } from "../../../server/data/send-threads.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function openThreads(processors: number) {
  return new SendThreads({ processors, nowMs: () => Date.now() });
}

/** Takes as many as can be had at once. */
async function takeAll(threads: SendThreads): Promise<number> {
  for (let taken = 0; ; taken++) {
    const answer = threads.take();
    const free = await Promise.race([answer, vi.advanceTimersByTimeAsync(0).then(() => undefined)]);
    if (free === true) continue;
    await vi.advanceTimersByTimeAsync(1000);
    expect(await answer).toBe(false);
    return taken;
  }
}

test("gives several for each processor, and one for each while commands are run", async () => {
  const quiet = openThreads(2);
  expect(await takeAll(quiet)).toBe(8);
  const disturbed = openThreads(2);
  disturbed.disturb();
  expect(await takeAll(disturbed)).toBe(2);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await takeAll(disturbed)).toBe(6);
});

test("leaves the pool threads for everything else", () => {
  expect(openThreads(2).poolThreads).toBe(12);
  expect(openThreads(1000).poolThreads).toBe(36);
});

test("shares the processors with other processes, and leaves each at least one", async () => {
  const half = openThreads(2);
  half.shareWith(2);
  expect(await takeAll(half)).toBe(4);
  const crowded = openThreads(1);
  crowded.shareWith(8);
  expect(await takeAll(crowded)).toBe(1);
});

test("those who wait come first, in their order; nobody waits for ever", async () => {
  const threads = openThreads(1);
  threads.disturb();
  expect(await threads.take()).toBe(true);
  const order: string[] = [];
  const first = threads.take().then((free) => order.push(`first ${String(free)}`));
  const second = threads.take().then((free) => order.push(`second ${String(free)}`));
  threads.give();
  await first;
  expect(order).toEqual(["first true"]);
  await vi.advanceTimersByTimeAsync(1000);
  await second;
  expect(order).toEqual(["first true", "second false"]);
  threads.give();
  expect(await threads.take()).toBe(true);
});
