import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { reply, type Reply } from "../../../server/protocol/replies.ts";
import type { Calculation } from "../../../server/session/outcomes.ts";
import { RunningCalculation } from "../../../server/session/running-calculation.ts";
import { StorageError } from "../../../server/storage/storage.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A calculation that ends when the test says so. */
function calculate() {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const told: string[] = [];
  const plan: Calculation = {
    kind: "calculation",
    code: 213,
    title: "Calculating",
    progress: () => "213 of 999 bytes",
    run: (signal) => {
      signal.addEventListener("abort", () => reject(new Error("stopped")));
      return promise;
    },
  };
  const running = new RunningCalculation(plan);
  return { running, result: running.run((text) => told.push(text), 1000), told, resolve, reject };
}

describe("a calculation", () => {
  it("that is quick is one reply", async () => {
    const { result, told, resolve } = calculate();
    resolve(reply.fileStatus("abc"));
    expect(await result).toEqual({ reply: reply.fileStatus("abc") });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([]);
  });

  it("that takes long tells so, in lines that nobody takes for the end", async () => {
    const { result, told, resolve } = calculate();
    await vi.advanceTimersByTimeAsync(3000);
    expect(told).toEqual(["213-Calculating\r\n", " 213 of 999 bytes\r\n", " 213 of 999 bytes\r\n"]);
    resolve(reply.fileStatus("abc"));
    expect((await result).reply).toEqual(reply.fileStatus("abc"));
  });

  it("that fails has the reply of its failure, with the reason for the log", async () => {
    const { result, reject } = calculate();
    reject(new StorageError("denied", { reason: "authorization.1" }));
    expect(await result).toMatchObject({ reply: { code: 550 }, reason: "authorization.1" });
  });

  it("that fails after it has begun to tell ends what it has begun", async () => {
    const { result, reject } = calculate();
    await vi.advanceTimersByTimeAsync(1000);
    reject(new StorageError("notFound"));
    expect(await result).toMatchObject({ reply: { code: 213 }, cause: "notFound" });
    expect((await result).reply.lines.join()).toContain("No result");
  });

  it("ends when it is aborted", async () => {
    const { running, result } = calculate();
    running.abort();
    expect(await result).toMatchObject({ reply: { code: 451 }, reason: "aborted" });
  });

  it("that fails for no known reason is a bug", async () => {
    const { result, reject } = calculate();
    const thrown = expect(result).rejects.toThrow("bug");
    reject(new Error("bug"));
    await thrown;
  });
});
