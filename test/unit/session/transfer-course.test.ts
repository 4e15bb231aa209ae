import { Socket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { planSessionLimits } from "../../../server/session/limits.ts";
import type { TransferPlan } from "../../../server/session/outcomes.ts";
import { carryOut, type TransferSurroundings } from "../../../server/session/transfer-course.ts";

const BUG = new Error("a bug");

function fail(): never {
  throw BUG;
}

function openPlan() {
  const close = vi.fn(() => Promise.resolve());
  const chunks = {
    async *[Symbol.asyncIterator]() {
      yield await Promise.resolve(Buffer.from("x"));
    },
    [Symbol.asyncDispose]: close,
  };
  const plan: TransferPlan = { direction: "list", opening: "Listing.", path: "/", chunks };
  return { plan, close };
}

function openJournal() {
  return { transferBegan: vi.fn(), dataChannelOpened: vi.fn(), transferEnded: vi.fn() };
}

const foreground: TransferSurroundings["foreground"] = { run: (_running, work) => work() };

const prepared = (socket: Socket): ReturnType<TransferSurroundings["prepare"]> => ({
  channel: {
    kind: "passive",
    lease: {
      port: 50_000,
      take: () => undefined,
      accept: () => Promise.resolve(socket),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
  },
  tls: undefined,
  localAddress: "127.0.0.1",
  localPort: 21,
  limits: {
    ...planSessionLimits({ unauthenticatedSeconds: 60, controlSeconds: 60, dataSeconds: 60 }),
    rateLimiter: undefined,
  },
  deflateLevel: undefined,
});

describe("a transfer that a bug ends", () => {
  it("closes what the command opened, and has ended for the journal, when it cannot begin", async () => {
    const { plan, close } = openPlan();
    const journal = openJournal();
    const run = carryOut(plan, { foreground, journal, prepare: fail, write: vi.fn() });
    await expect(run).rejects.toBe(BUG);
    expect(close).toHaveBeenCalledOnce();
    const result = { kind: "failed", failure: { kind: "internal" }, bytes: 0 };
    expect(journal.transferEnded).toHaveBeenCalledExactlyOnceWith(plan, result, expect.any(Number));
  });

  it("closes the data connection, and has ended for the journal, in its midst", async () => {
    const { plan, close } = openPlan();
    const journal = { ...openJournal(), dataChannelOpened: fail };
    const socket = new Socket();
    const prepare = () => prepared(socket);
    const run = carryOut(plan, { foreground, journal, prepare, write: vi.fn() });
    await expect(run).rejects.toBe(BUG);
    expect(close).toHaveBeenCalledOnce();
    expect(socket.destroyed).toBe(true);
    expect(journal.transferEnded).toHaveBeenCalledOnce();
  });
});
