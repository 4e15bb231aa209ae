import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DiskPace } from "../../../server/data/disk-pace.ts";
import { KernelSender } from "../../../server/data/kernel-sender.ts";
import { descriptorOf, lookUpUnacknowledgedBytes } from "../../../server/data/socket-descriptor.ts";
import { systemCalls, type SystemCalls } from "../../../server/native/system-calls.ts";
import { makeFolder } from "../../support/files.ts";
import { connectPair } from "../../support/loopback.ts";

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());
const BYTES = 400_000;

function openFile(): number {
  const path = join(folder.path, "file");
  writeFileSync(path, Buffer.alloc(BYTES, "x"));
  return openSync(path, "r+");
}

/** Calls that answer as they are told. */
function scripted(answers: Partial<SystemCalls>): SystemCalls {
  return {
    sendFile: () => ({ kind: "moved", bytes: 1 }),
    sendLast: (_socket, bytes) => ({ kind: "moved", bytes: bytes.length }),
    startSending: () => undefined,
    receiveFile: () => ({ kind: "moved", bytes: 1 }),
    arrivedBytes: () => 0,
    isCached: () => true,
    unacknowledgedBytes: () => 0,
    acknowledgeReads: () => undefined,
    factsInFolder: () => undefined,
    eventsWait: () => true,
    releaseMemory: () => undefined,
    unmapPages: () => undefined,
    ...answers,
  };
}

async function openSender(calls: SystemCalls, pace = new DiskPace()) {
  const { client, accepted } = await connectPair();
  const file = openFile();
  return {
    client,
    sender: new KernelSender({ socket: accepted, file, sizeBytes: BYTES, calls, pace }),
    file,
    [Symbol.dispose]: () => {
      client.destroy();
      accepted.destroy();
      closeSync(file);
    },
  };
}

// Where the library is not installed, everything below would only test that it is missing.
const native = systemCalls();

test("the library is there on the systems that it is delivered to", () => {
  const delivered = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
  expect(native !== undefined).toBe(delivered);
});

test.runIf(native)(
  "moves bytes until the socket is full, and counts what is not taken",
  async () => {
    const calls = native ?? scripted({});
    const { client, accepted } = await connectPair();
    const file = openFile();
    client.pause();
    let moved = 0;
    const sender = new KernelSender({
      socket: accepted,
      file,
      sizeBytes: BYTES,
      calls,
      pace: new DiskPace(),
    });
    let step = sender.step(0, BYTES);
    for (; step.kind === "moved"; step = sender.step(0, BYTES)) moved += step.bytes;
    expect(step.kind).toBe("full");
    const left = calls.unacknowledgedBytes(descriptorOf(accepted) ?? -1) ?? 0;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(moved);
    // The client's system may have acknowledged more meanwhile.
    const looked = await lookUpUnacknowledgedBytes(accepted);
    expect(looked).toBeLessThanOrEqual(left);
    expect(looked).toBeGreaterThanOrEqual(
      calls.unacknowledgedBytes(descriptorOf(accepted) ?? -1) ?? NaN,
    );
    let received = 0;
    await new Promise<void>((resolve) => {
      client.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (received >= moved) resolve();
      });
      client.resume();
    });
    accepted.destroy();
    client.destroy();
    closeSync(file);
  },
);

test.runIf(native)("knows what the page cache holds, holes not among it", () => {
  const file = openFile();
  expect(native?.isCached(file, 5000, 300_000)).not.toBe(false);
  ftruncateSync(file, 0);
  ftruncateSync(file, BYTES);
  expect(native?.isCached(file, 0, BYTES)).not.toBe(true);
  closeSync(file);
});

test("never waits for the disk: what is not in the page cache is read", async () => {
  let sent = 0;
  const sendFile = (): never => {
    sent++;
    throw new Error("sent");
  };
  using cold = await openSender(scripted({ sendFile, isCached: () => false }));
  expect(cold.sender.step(0, Infinity).kind).toBe("read");
  let nowMs = 0;
  const slow = new DiskPace(() => nowMs);
  slow.measure(() => (nowMs += 1000));
  using unknown = await openSender(scripted({ sendFile, isCached: () => undefined }), slow);
  expect(unknown.sender.step(0, Infinity).kind).toBe("read");
  expect(sent).toBe(0);
});

test("leaves to the usual way what is small, beyond the end, or fails", async () => {
  using open = await openSender(scripted({ sendFile: () => ({ kind: "unsupported" }) }));
  expect(open.sender.step(0, 1000).kind).toBe("read");
  expect(open.sender.step(BYTES, Infinity).kind).toBe("read");
  expect(open.sender.step(0, Infinity).kind).toBe("read");
});
