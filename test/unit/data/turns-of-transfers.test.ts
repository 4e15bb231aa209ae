/** How transfers use the event loop's turns: one chunk after the other, and none while others are soon done. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { sendThreads } from "../../../server/data/send-threads.ts";
import { settlesSoon } from "../../../server/data/settles-soon.ts";
import { receiveFile, sendFile } from "../../../server/data/transfer.ts";
import {
  CHUNK_BYTES,
  QUIET_CHUNK_BYTES,
  transferQuantum,
} from "../../../server/data/turn-quantum.ts";
import { openTlsContexts } from "../../../server/tls/contexts.ts";
import { secureServerSocket } from "../../../server/tls/secure-socket.ts";
import { makeTestCertificate } from "../../support/certificate.ts";
import { diskSource, diskTarget, makeFolder } from "../../support/files.ts";
import { connectPair, connectSecurely } from "../../support/loopback.ts";

const CHUNKS = 5;
const FILE_BYTES = CHUNKS * CHUNK_BYTES;
const LARGE_CHUNKS_AFTER_BYTES = 8 * 1024 * 1024;
const GROWTH_BYTES = 16 * 1024;
/** Enough to grow anew after a stall of this machine. */
const LARGE_FILE_BYTES = 40 * 1024 * 1024;
const folder = makeFolder();
const path = join(folder.path, "file");
writeFileSync(path, Buffer.alloc(FILE_BYTES, "content"));
const file = openSync(path, "r");
afterAll(() => {
  closeSync(file);
  folder[Symbol.dispose]();
});
afterEach(() => vi.restoreAllMocks());

const contexts = makeTestCertificate().then(({ pem }) =>
  openTlsContexts({ pem, minVersion: "TLSv1.2", ticketGuard: "keyCallback" }),
);
const never = new AbortController().signal;
const handle = {
  fileDescriptor: file,
  sizeBytes: FILE_BYTES,
  isInMemory: true,
  read: () => Promise.reject(new Error("a local file is read by its descriptor")),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

async function openDownload() {
  const { client, server: socket } = await connectSecurely((await contexts).download);
  client.on("end", () => client.end()).resume();
  return { client, socket };
}

async function openInTheClear() {
  const { client, accepted: socket } = await connectPair();
  client.on("end", () => client.end()).resume();
  return { client, socket };
}

test("under TLS a chunk lets the next transfer go on when its write has begun, not when it has ended", async () => {
  const { client, socket } = await openDownload();
  const events: string[] = [];
  vi.spyOn(transferQuantum, "spend").mockImplementation(() => void events.push("spend"));
  const write = socket.write.bind(socket) as (chunk: Uint8Array, done: () => void) => boolean;
  vi.spyOn(socket, "write").mockImplementation((chunk: unknown, done: unknown) => {
    const begun = write(chunk as Uint8Array, () => {
      events.push("written");
      (done as () => void)();
    });
    events.push("begun");
    return begun;
  });
  const ready = vi.spyOn(transferQuantum, "ready");
  expect(await sendFile(socket, handle, { signal: never })).toBe(FILE_BYTES);
  expect(ready.mock.calls.every(([steps]) => steps === "one")).toBe(true);
  const each = ["begun", "spend", "written"];
  expect(events.slice(0, CHUNKS * each.length)).toEqual(Array(CHUNKS).fill(each).flat());
  client.destroy();
});

test("chunks grow under TLS alone, and become large only while no session has commands run", async () => {
  await using large = diskSource(folder.path, Buffer.alloc(LARGE_FILE_BYTES));
  const largestOf = async (kind: "TLS" | "clear", isQuiet: boolean): Promise<number> => {
    vi.spyOn(sendThreads, "isQuiet", "get").mockReturnValue(isQuiet);
    const { client, socket } = await (kind === "TLS" ? openDownload() : openInTheClear());
    const writes = vi.spyOn(socket, "write");
    const options = { signal: never, native: false };
    expect(await sendFile(socket, large, options)).toBe(LARGE_FILE_BYTES);
    client.destroy();
    const chunks = writes.mock.calls.map(([chunk]) => (chunk as Uint8Array).length);
    for (const [index, bytes] of chunks.slice(1).entries())
      expect(bytes).toBeLessThanOrEqual((chunks[index] ?? 0) + GROWTH_BYTES);
    expect(chunks[0]).toBe(CHUNK_BYTES);
    let sentBytes = 0;
    for (const bytes of chunks) {
      if (sentBytes < LARGE_CHUNKS_AFTER_BYTES) expect(bytes).toBeLessThanOrEqual(CHUNK_BYTES);
      sentBytes += bytes;
    }
    return Math.max(...chunks);
  };
  expect(await largestOf("TLS", true)).toBe(QUIET_CHUNK_BYTES);
  expect(await largestOf("TLS", false)).toBe(CHUNK_BYTES);
  expect(await largestOf("clear", true)).toBe(CHUNK_BYTES);
});

test("downloads under TLS that go on together do so one after the other", async () => {
  const downloads = await Promise.all([1, 2, 3, 4].map(() => openDownload()));
  // The first chunk of each does not wait; from then on the time of a turn is over at once.
  let granted = 0;
  const original = transferQuantum.ready.bind(transferQuantum);
  const granting: number[] = [];
  vi.spyOn(transferQuantum, "ready").mockImplementation(async (steps) => {
    await original(steps);
    granting.push(++granted);
  });
  const spend = transferQuantum.spend.bind(transferQuantum);
  vi.spyOn(transferQuantum, "spend").mockImplementation(() => {
    granted = Math.max(0, granted - 1);
    spend();
  });
  const sent = await Promise.all(
    downloads.map(({ socket }) => sendFile(socket, handle, { signal: never })),
  );
  expect(sent).toEqual(Array(4).fill(FILE_BYTES));
  expect(granting.length).toBeGreaterThanOrEqual(4 * (CHUNKS - 1));
  expect(Math.max(...granting)).toBe(1);
  for (const { client } of downloads) client.destroy();
});

test("an upload under TLS spends its time when Node has read, one in the clear at once", async () => {
  const kinds = [true, false].flatMap((secured) =>
    [true, false].map((ascii) => ({ secured, ascii })),
  );
  for (const { secured, ascii } of kinds) {
    const { client: raw, accepted } = await connectPair();
    const client = secured ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
    client.on("error", () => undefined).resume();
    const socket = secured
      ? await secureServerSocket(accepted, (await contexts).upload, { signal: never })
      : accepted;
    const later = vi.spyOn(transferQuantum, "spendLater");
    await using target = diskTarget(folder.path);
    client.end(Buffer.alloc(FILE_BYTES));
    const received = await receiveFile(socket, target, { signal: never, native: false, ascii });
    expect(received).toBe(FILE_BYTES);
    expect(later.mock.calls.length > 0).toBe(secured);
    later.mockRestore();
    client.destroy();
  }
});

test("the end of a download under TLS is given way to: its last chunk, the turn after it, the close", async () => {
  const { client, socket } = await openDownload();
  const writes = vi.spyOn(socket, "write");
  const giveWay = vi.spyOn(transferQuantum, "giveWay");
  const last = { offset: (CHUNKS - 2) * CHUNK_BYTES };
  expect(await sendFile(socket, handle, { signal: never, ...last })).toBe(2 * CHUNK_BYTES);
  expect(giveWay).toHaveBeenCalledTimes(3);
  expect(giveWay.mock.invocationCallOrder[0]).toBeGreaterThan(
    writes.mock.invocationCallOrder[1] ?? Infinity,
  );
  client.destroy();
});

test("what is soon done is given way to until it is, or until eight turns are over", async () => {
  let given = 0;
  const original = transferQuantum.giveWay.bind(transferQuantum);
  vi.spyOn(transferQuantum, "giveWay").mockImplementation(() => {
    given++;
    const way = original();
    return {
      [Symbol.dispose]: () => {
        given--;
        way[Symbol.dispose]();
      },
    };
  });
  const soon = settlesSoon(nextTurn());
  expect(given).toBe(1);
  expect(await soon).toBe(true);
  expect(given).toBe(0);
  expect(await settlesSoon(Promise.reject(new Error("no")))).toBe(true);
  expect(given).toBe(0);
  const never = settlesSoon(new Promise(() => undefined));
  expect(given).toBe(1);
  expect(await never).toBe(false);
  expect(given).toBe(0);
});
