import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inTime } from "../../../server/session/deadline.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Settles when its signal aborts. */
const untilAborted = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve("aborted");
    signal.addEventListener("abort", () => resolve("aborted"));
  });

describe("a deadline", () => {
  it("leaves neither a timer nor a listener behind", async () => {
    const outer = new AbortController();
    expect(await inTime(outer.signal, 60, () => Promise.resolve("done"))).toBe("done");
    await expect(inTime(outer.signal, 60, () => Promise.reject(new Error("no")))).rejects.toThrow();
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(outer.signal, "abort")).toEqual([]);
  });

  it("aborts when the time is over", async () => {
    const work = inTime(new AbortController().signal, 60, untilAborted);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await work).toBe("aborted");
  });

  it("aborts with what is around it, also when that has ended already", async () => {
    const outer = new AbortController();
    const work = inTime(outer.signal, 60, untilAborted);
    outer.abort();
    expect(await work).toBe("aborted");
    expect(await inTime(outer.signal, 60, untilAborted)).toBe("aborted");
  });
});
