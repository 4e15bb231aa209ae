/** Downloads under TLS read into the same memory: whatever their writes wait for, each sends its own bytes. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { BufferPool } from "../../../server/data/buffer-pool.ts";
import { DataSender } from "../../../server/data/data-sender.ts";
import { sendFile } from "../../../server/data/send.ts";
import { openTlsContexts } from "../../../server/tls/contexts.ts";
import { HeldOutput } from "../../../server/tls/held-output.ts";
import { makeTestCertificate } from "../../support/certificate.ts";
import { diskSource, makeFolder, memorySource, slowPace } from "../../support/files.ts";
import { connectPair, connectSecurely } from "../../support/loopback.ts";

const DOWNLOADS = 4;
/** More than the sockets between take, and no whole number of chunks. */
const FILE_BYTES = 12 * 1024 * 1024 + 12_345;
/** After so much, clients take nothing for a while. */
const SIP_BYTES = 1024 * 1024;
const REST_MS = 5;
/** Writes that wait for so long wait for the client. */
const STANDSTILL_LOOKS = 5;

interface Download {
  readonly socket: Socket;
  /** Called when sending has begun. */
  readonly openClient: () => Socket;
  /** Written without waiting, before the file. */
  readonly ahead?: Buffer;
}

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());
const opened: Socket[] = [];
afterEach(() => opened.splice(0).forEach((socket) => socket.destroy()));

const { signal } = new AbortController();
const certificate = makeTestCertificate();

/** Buffers that were taken and not given back. */
const taken = new Set<Buffer>();
const { take, give } = BufferPool.prototype;
beforeEach(() => {
  vi.spyOn(BufferPool.prototype, "take").mockImplementation(function (this: BufferPool) {
    const buffer = take.call(this);
    expect(taken.has(buffer)).toBe(false);
    taken.add(buffer);
    return buffer;
  });
  vi.spyOn(BufferPool.prototype, "give").mockImplementation(function (this: BufferPool, buffer) {
    expect(taken.delete(buffer)).toBe(true);
    give.call(this, buffer);
  });
});
afterEach(() => {
  const { size } = taken;
  taken.clear();
  vi.restoreAllMocks();
  expect(size).toBe(0);
});

function keep<T extends Socket>(socket: T): T {
  opened.push(socket);
  return socket.on("error", () => undefined);
}

function secureClient(socket: Socket): Socket {
  return keep(connectTls({ socket, rejectUnauthorized: false }));
}

async function secureServer(socket: Socket | Duplex): Promise<TLSSocket> {
  const { pem } = await certificate;
  const secureContext = createSecureContext({ cert: pem, key: pem });
  return keep(new TLSSocket(socket, { isServer: true, secureContext }));
}

function secured(maxVersion: "TLSv1.2" | "TLSv1.3") {
  return async (): Promise<Download> => {
    const { pem } = await certificate;
    const options = { pem, minVersion: "TLSv1.2", ticketGuard: "keyCallback" } as const;
    const { download } = await openTlsContexts(options);
    const { client, server } = await connectSecurely(download, maxVersion);
    return { socket: keep(server), openClient: () => keep(client) };
  };
}

async function aboveAnotherStream(): Promise<Download> {
  const { client, accepted } = await connectPair();
  const socket = await secureServer(new HeldOutput(accepted));
  return { socket, openClient: () => secureClient(client) };
}

async function beforeHandshake(): Promise<Download> {
  const { client, accepted } = await connectPair();
  const socket = await secureServer(accepted);
  return { socket, openClient: () => secureClient(client) };
}

async function behindAnotherWrite(): Promise<Download> {
  return { ...(await secured("TLSv1.3")()), ahead: randomBytes(FILE_BYTES) };
}

async function inTheClear(): Promise<Download> {
  const { client, accepted } = await connectPair();
  return { socket: keep(accepted), openClient: () => keep(client) };
}

/** Until every write waits for its client; what is written is then in a buffer of ours, or in Node's. */
async function standstill(sockets: readonly Socket[]): Promise<void> {
  for (let looks = 0; looks < STANDSTILL_LOOKS; looks++) {
    await pause(REST_MS);
    if (sockets.some(({ writableLength }) => writableLength === 0)) looks = -1;
  }
}

/** Everything up to the server's end, taken in sips. */
async function readSlowly(client: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sipBytes = 0;
  client.on("end", () => client.end());
  for await (const chunk of client as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sipBytes += chunk.length;
    if (sipBytes < SIP_BYTES) continue;
    sipBytes = 0;
    await pause(REST_MS);
  }
  return Buffer.concat(chunks);
}

const fromDisk = (content: Buffer) => diskSource(folder.path, content);

test.each([
  { what: "TLS 1.3", open: secured("TLSv1.3") },
  { what: "TLS 1.2", open: secured("TLSv1.2") },
  { what: "TLS 1.3 above another stream", open: aboveAnotherStream },
  { what: "TLS 1.3, a slow disk", open: secured("TLSv1.3"), pace: slowPace() },
  { what: "TLS 1.3, any storage", open: secured("TLSv1.3"), source: memorySource },
  { what: "TLS before the handshake", open: beforeHandshake },
  { what: "TLS behind another write", open: behindAnotherWrite, keeps: true },
  { what: "in the clear, without native code", open: inTheClear, native: false, keeps: true },
])("downloads at once, $what", async ({ open, source = fromDisk, keeps = false, ...options }) => {
  const contents = Array.from({ length: DOWNLOADS }, () => randomBytes(FILE_BYTES));
  const downloads = await Promise.all(contents.map(() => open()));
  const sending = downloads.map(async ({ socket, ahead }, index) => {
    // Each begins when the one before has written.
    for (let turns = 0; turns < index; turns++) await nextTurn();
    if (ahead !== undefined) socket.write(ahead);
    await using handle = source(contents[index] ?? Buffer.alloc(0));
    return await sendFile(socket, handle, { signal, ...options });
  });
  const clients = downloads.map(({ openClient }) => openClient());
  await standstill(downloads.map(({ socket }) => socket));
  // Under TLS none keeps a chunk while it waits for its client.
  expect(taken.size).toBe(keeps ? DOWNLOADS : 0);
  const received = await Promise.all(clients.map(readSlowly));
  expect(await Promise.all(sending)).toEqual(contents.map(() => FILE_BYTES));
  for (const [index, content] of contents.entries()) {
    const { ahead = Buffer.alloc(0) } = downloads[index] ?? {};
    const bytes = received[index] ?? Buffer.alloc(0);
    expect(bytes.length).toBe(ahead.length + FILE_BYTES);
    expect(bytes.equals(Buffer.concat([ahead, content]))).toBe(true);
  }
});

test.each([
  { what: "TLS", open: secured("TLSv1.3") },
  { what: "in the clear", open: inTheClear },
])("downloads that fail give their memory back, $what", async ({ open }) => {
  const content = randomBytes(FILE_BYTES);
  const abort = new AbortController();
  const failing = memorySource(content);
  const reads = vi.spyOn(failing, "read").mockResolvedValueOnce(1000);
  reads.mockRejectedValueOnce(new Error("the disk is gone"));
  const [aborted, unreadable, left] = await Promise.all([open(), open(), open()]);
  const options = { signal: abort.signal, native: false };
  const sending = [
    sendFile(aborted.socket, memorySource(content), options),
    sendFile(unreadable.socket, failing, options),
    sendFile(left.socket, memorySource(content), { signal, native: false }),
  ];
  const ended = Promise.allSettled(sending);
  aborted.openClient();
  unreadable.openClient().resume();
  const client = left.openClient();
  await standstill([aborted.socket, left.socket]);
  abort.abort();
  client.destroy();
  expect((await ended).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
});

test("what queues in a socket is not given back before it is written", async () => {
  const { socket } = await secured("TLSv1.3")();
  using sender = new DataSender(socket, { signal });
  expect(sender.isDoneOnceBegun).toBe(true);
  socket.cork();
  expect(sender.isDoneOnceBegun).toBe(false);
  socket.uncork();
  const { client } = await connectPair();
  const connecting = await secureServer(connect({ port: client.remotePort ?? 0 }));
  using another = new DataSender(connecting, { signal });
  expect(another.isDoneOnceBegun).toBe(false);
});
