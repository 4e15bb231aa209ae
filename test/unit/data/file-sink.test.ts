import { closeSync, constants, openSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Socket } from "node:net";
import { afterAll, expect, test } from "vitest";
import { DiskPace } from "../../../server/data/disk-pace.ts";
import { openSink, type FileSink } from "../../../server/data/file-sink.ts";
import { descriptorOf } from "../../../server/data/socket-descriptor.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";
import { StorageError, type WriteHandle } from "../../../server/storage/storage.ts";
import { makeFolder } from "../../support/files.ts";
import { connectPair } from "../../support/loopback.ts";

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());
const native = systemCalls();
const BEFORE = "before";
const LEAST_BYTES = 64 * 1024;

/** A sink behind what is in the file already; `flags` say how the file is open. */
async function openUpload(flags: number, reserve?: (bytes: number) => void) {
  const path = join(folder.path, String(Math.random()));
  writeFileSync(path, BEFORE);
  const descriptor = openSync(path, flags);
  const handle: Partial<WriteHandle> = {
    fileDescriptor: descriptor,
    startOffset: BEFORE.length,
    ...(reserve === undefined ? {} : { reserve }),
  };
  const { client, accepted } = await connectPair();
  return {
    // By a clock that stands still every disk is fast.
    sink: openSink(handle as WriteHandle, new DiskPace(() => 0), native),
    client,
    accepted,
    content: () => readFileSync(path).subarray(BEFORE.length),
    [Symbol.dispose]: () => {
      client.destroy();
      accepted.destroy();
      closeSync(descriptor);
    },
  };
}

/** Sends `bytes` while the sink takes what arrives, as far as it does. */
async function take(sink: FileSink, client: Socket, accepted: Socket, bytes: Uint8Array) {
  client.end(bytes);
  let taken = 0;
  // So few are left to the usual way.
  while (bytes.length - taken >= LEAST_BYTES) {
    const step = (await sink.takeArrived?.(descriptorOf(accepted) ?? -1)) ?? 0;
    // Time for more to arrive.
    if (step === 0) await pause(1);
    taken += step;
  }
  return taken;
}

test.runIf(native)(
  "takes every byte that has arrived, in order, behind what is there",
  async () => {
    using upload = await openUpload(constants.O_WRONLY);
    const { sink, client, accepted } = upload;
    const bytes = randomBytes(64 * 1024 * 7);
    const taken = await take(sink, client, accepted, bytes);
    expect(taken).toBeGreaterThan(0);
    expect(Buffer.compare(upload.content(), bytes.subarray(0, taken))).toBe(0);
  },
);

test.runIf(native)("takes more than the pipe holds, one step after the other", async () => {
  using upload = await openUpload(constants.O_WRONLY);
  const { sink, client, accepted } = upload;
  const bytes = randomBytes(5 * 1024 * 1024);
  client.end(bytes);
  let taken = 0;
  let largest = 0;
  let arrived = 0;
  while (bytes.length - taken >= LEAST_BYTES) {
    const descriptor = descriptorOf(accepted) ?? -1;
    arrived = Math.max(arrived, native?.arrivedBytes(descriptor) ?? 0);
    const step = (await sink.takeArrived?.(descriptor)) ?? 0;
    // Time for more to arrive than one step takes.
    await pause(step === 0 ? 1 : 5);
    taken += step;
    largest = Math.max(largest, step);
  }
  // As much arrives at once as the system has memory for.
  expect(arrived).toBeGreaterThanOrEqual(LEAST_BYTES);
  expect(largest).toBeGreaterThan(Math.min(512 * 1024, arrived / 2));
  expect(Buffer.compare(upload.content(), bytes.subarray(0, taken))).toBe(0);
});

test.runIf(native)("counts exactly what it takes against the limits", async () => {
  let reserved = 0;
  using upload = await openUpload(constants.O_WRONLY, (bytes) => void (reserved += bytes));
  const bytes = randomBytes(300_000);
  const taken = await take(upload.sink, upload.client, upload.accepted, bytes);
  expect(taken).toBeGreaterThan(0);
  expect(reserved).toBe(taken);
});

test.runIf(native)("leaves everything where it is when a limit is exceeded", async () => {
  using upload = await openUpload(constants.O_WRONLY, () => {
    throw new StorageError("quotaExceeded");
  });
  const { sink, client, accepted } = upload;
  await expect(take(sink, client, accepted, randomBytes(300_000))).rejects.toThrow(StorageError);
  expect(upload.content().length).toBe(0);
});

test.runIf(native)("loses nothing when the file cannot be written that way", async () => {
  // splice(2) refuses files that are open for appending.
  using upload = await openUpload(constants.O_WRONLY | constants.O_APPEND);
  const { sink, client, accepted } = upload;
  const bytes = randomBytes(300_000);
  client.end(bytes);
  const descriptor = descriptorOf(accepted) ?? -1;
  let taken = 0;
  while (taken === 0) {
    taken = (await sink.takeArrived?.(descriptor)) ?? 0;
    if (taken === 0) await pause(1);
  }
  expect(taken).toBeGreaterThan(0);
  expect(Buffer.compare(upload.content(), bytes.subarray(0, taken))).toBe(0);
  // From then on everything is read in the usual way.
  expect(await sink.takeArrived?.(descriptor)).toBe(0);
});

test("has no such way without native code, nor for other storages", () => {
  const other: Partial<WriteHandle> = { fileDescriptor: undefined, startOffset: 0 };
  expect(openSink(other as WriteHandle, new DiskPace(), native).takeArrived).toBeUndefined();
  const local: Partial<WriteHandle> = { fileDescriptor: 1, startOffset: 0 };
  expect(openSink(local as WriteHandle, new DiskPace(), undefined).takeArrived?.(0)).toBe(0);
});
