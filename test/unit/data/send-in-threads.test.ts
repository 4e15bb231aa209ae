import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ClientPace } from "../../../server/data/client-pace.ts";
import { DiskPace } from "../../../server/data/disk-pace.ts";
import { KernelSender } from "../../../server/data/kernel-sender.ts";
import { sendThreads } from "../../../server/data/send-threads.ts";
import { sendFile } from "../../../server/data/transfer.ts";
import { systemCalls, type SystemCalls } from "../../../server/native/system-calls.ts";
import { makeFolder } from "../../support/files.ts";
import { connectPair } from "../../support/loopback.ts";

const MIB = 1024 * 1024;
const BYTES = 100 * MIB + 12_345;
/** Of the memory that is taken after a collection. */
const MOST_KEPT = 50_000;

const folder = makeFolder();
const path = join(folder.path, "large");
const content = Buffer.alloc(BYTES);
for (let at = 0; at < BYTES; at += MIB) content.set(randomBytes(4096), Math.min(at, BYTES - 4096));
writeFileSync(path, content);
afterAll(() => folder[Symbol.dispose]());

const native = systemCalls();
const original = native?.startSending;
const startSending = native && vi.spyOn(native, "startSending");
afterEach(() => startSending?.mockReset());
const never = new AbortController().signal;

interface Download {
  readonly offset?: number;
  readonly end?: number;
  readonly signal?: AbortSignal;
  readonly idleTimeoutSeconds?: number;
  readonly onBytes?: (count: number) => void;
  readonly clientPace?: ClientPace;
  /** What the client does, instead of reading everything. */
  readonly read?: (client: Socket) => void;
}

/** Sends the file over loopback; resolves with the outcome and with what has arrived. */
async function download({ read, signal = never, clientPace = fast(0), ...options }: Download) {
  const { client, accepted } = await connectPair();
  const file = openSync(path, "r");
  const hash = createHash("sha256");
  let received = 0;
  client.on("error", () => undefined);
  client.on("data", (chunk: Buffer) => {
    received += chunk.length;
    hash.update(chunk);
  });
  read?.(client);
  const ended = once(client, "close");
  client.on("end", () => client.end());
  const handle = {
    fileDescriptor: file,
    sizeBytes: BYTES,
    isInMemory: true,
    read: () => Promise.reject(new Error("a local file is read by its descriptor")),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const outcome = await sendFile(accepted, handle, { signal, clientPace, ...options }).catch(
    (error: unknown) => error,
  );
  closeSync(file);
  if (outcome instanceof Error) client.destroy();
  await ended;
  return { outcome, received, digest: hash.digest("hex") };
}

/** A client that is fast, as by a clock that stands still, and takes so much. */
function fast(mibPerMs: number): ClientPace {
  const pace = new ClientPace(() => 0);
  vi.spyOn(pace, "bytesIn").mockImplementation((ms) => ms * mibPerMs * MIB);
  return pace;
}

function digestOf(from: number, to: number): string {
  return createHash("sha256").update(content.subarray(from, to)).digest("hex");
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** MiB of the largest part, while the client takes so much; every byte has arrived. */
async function largestPart(mibPerMs: number): Promise<number> {
  startSending?.mockClear();
  const { outcome, digest } = await download({ clientPace: fast(mibPerMs) });
  expect(outcome).toBe(BYTES);
  expect(digest).toBe(digestOf(0, BYTES));
  return Math.max(...(startSending?.mock.calls.map(([, , , bytes]) => bytes / MIB) ?? []));
}

describe.runIf(native)("large downloads on threads", () => {
  test("bring every byte, whatever part is asked for", async () => {
    for (const [offset, end] of [
      [0, BYTES],
      [1, BYTES],
      [12_345, 90 * MIB + 7],
    ] as const) {
      let counted = 0;
      const { outcome, received, digest } = await download({
        offset,
        end,
        onBytes: (count) => (counted += count),
      });
      expect(outcome).toBe(end - offset);
      expect(received).toBe(end - offset);
      expect(counted).toBe(end - offset);
      expect(digest).toBe(digestOf(offset, end));
    }
    expect(startSending?.mock.calls.length).toBeGreaterThanOrEqual(3 * 3);
  });

  test("go out in parts of 32 MiB, and of more where nobody else wants a thread", async () => {
    const alone: readonly [mibPerMs: number, part: number] = [0.16, 40];
    for (const [mibPerMs, part] of [alone, [0.1, 32]] as const) {
      expect(await largestPart(mibPerMs)).toBe(part);
    }
    expect(await sendThreads.take()).toBe(true);
    try {
      expect(await largestPart(alone[0])).toBe(32);
    } finally {
      sendThreads.give();
    }
  });

  describe("of which one is alone", () => {
    let connection: Awaited<ReturnType<typeof connectPair>>;
    let end: (moved: number) => void;
    const finishSoon = vi.fn<() => void>();

    beforeEach(async () => {
      connection = await connectPair();
      const { promise: done, resolve } = Promise.withResolvers<number>();
      end = resolve;
      startSending?.mockReturnValue({ done, finishSoon, abort: () => undefined });
    });

    afterEach(() => {
      end(0);
      finishSoon.mockReset();
      vi.useRealTimers();
      connection.client.destroy();
      connection.accepted.destroy();
    });

    /** Begins a part of an endless file, and tells its size; it ends with `end`. */
    async function begin(isInMemory: boolean) {
      const clientPace = fast(1000);
      clientPace.moved(16 * MIB);
      const sender = new KernelSender({
        socket: connection.accepted,
        file: -1,
        sizeBytes: Number.MAX_SAFE_INTEGER,
        isInMemory,
        calls: native as SystemCalls,
        pace: new DiskPace(),
        clientPace,
      });
      const sending = sender.inThread(0, Infinity);
      await Promise.resolve();
      const mib = startSending?.mock.calls.map(([, , , bytes]) => bytes / MIB);
      return { sending, mib };
    }

    test("go out in parts of 1 GiB at most, of 256 MiB from a disk", async () => {
      for (const [isInMemory, most] of [
        [true, 1024],
        [false, 256],
      ] as const) {
        startSending?.mockClear();
        const { sending, mib } = await begin(isInMemory);
        expect(mib).toEqual([most]);
        end(0);
        await sending;
      }
    });

    test("make room as soon as somebody waits for a thread", async () => {
      const { sending } = await begin(true);
      const taken: Promise<boolean>[] = [];
      while (finishSoon.mock.calls.length === 0 && taken.length < 100) {
        taken.push(sendThreads.take());
      }
      expect(taken.length).toBeLessThan(100);
      expect(finishSoon).toHaveBeenCalledOnce();
      end(0);
      await sending;
      expect(await Promise.all(taken)).not.toContain(false);
      for (const _ of taken) sendThreads.give();
      // Nobody is asked any more.
      expect(finishSoon).toHaveBeenCalledOnce();
    });

    test("end after half a second", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const { sending } = await begin(true);
      vi.advanceTimersByTime(499);
      expect(finishSoon).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(finishSoon).toHaveBeenCalledOnce();
      end(0);
      await sending;
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  test("bring every byte whatever is collected meanwhile", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const kept: BigInt64Array[] = [];
    startSending?.mockImplementation((...values) => {
      const sending = original?.(...values);
      // While this collects, nobody reads, and the thread comes back with little: on a busy machine
      // a collection for each of ever more calls would not come to an end.
      if (kept.length >= MOST_KEPT) return sending;
      collect();
      // What was freed would be somebody else's now.
      for (let count = 0; count < 10_000; count++) kept.push(new BigInt64Array(new ArrayBuffer(8)));
      return sending;
    });
    const { outcome, digest } = await download({});
    expect(outcome).toBe(BYTES);
    expect(digest).toBe(digestOf(0, BYTES));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.some(([value]) => value !== 0n)).toBe(false);
  });

  test("bring every byte to a client that pauses now and then", async () => {
    let pauses = 0;
    const { outcome, digest } = await download({
      read: (client) => {
        client.on("data", () => {
          if (client.bytesRead < (40 + 3 * pauses) * MIB) return;
          pauses++;
          client.pause();
          setTimeout(() => client.resume(), 30);
        });
      },
    });
    expect(outcome).toBe(BYTES);
    expect(digest).toBe(digestOf(0, BYTES));
    expect(startSending?.mock.calls.length).toBeGreaterThan(3);
  });

  test("end at once when they are aborted meanwhile, and leave no descriptor open", async () => {
    const before = openDescriptors();
    const abort = new AbortController();
    startSending?.mockImplementationOnce((...values) => {
      setImmediate(() => abort.abort());
      return original?.(...values);
    });
    const { outcome, received } = await download({
      signal: abort.signal,
      // Nothing is read while the thread sends: it can only wait, and be ended.
      read: (client) => void abort.signal.addEventListener("abort", () => client.pause()),
    });
    expect(outcome).toMatchObject({ kind: "aborted" });
    expect(received).toBeLessThan(BYTES);
    expect(startSending).toHaveBeenCalledTimes(1);
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
  });

  test("fail when the client resets the connection", async () => {
    const { outcome } = await download({
      read: (client) => {
        client.on("data", () => {
          if (client.bytesRead > 50 * MIB) client.resetAndDestroy();
        });
      },
    });
    expect(outcome).toMatchObject({ kind: "connectionLost" });
  });

  test("time out when the client takes nothing more", async () => {
    const { outcome } = await download({
      idleTimeoutSeconds: 0.3,
      read: (client) => {
        client.on("data", () => {
          if (client.bytesRead > 50 * MIB) client.pause();
        });
      },
    });
    expect(outcome).toMatchObject({ kind: "timedOut" });
  });
});
