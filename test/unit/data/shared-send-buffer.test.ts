/** Downloads under TLS read into the same memory: whatever their writes wait for, each sends its own bytes. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { afterAll, afterEach, expect, test } from "vitest";
import { DiskPace } from "../../../server/data/disk-pace.ts";
import { sendFile } from "../../../server/data/send.ts";
import { openTlsContexts } from "../../../server/tls/contexts.ts";
import { secureServerSocket } from "../../../server/tls/secure-socket.ts";
import { makeTestCertificate } from "../../support/certificate.ts";
import { diskSource, makeFolder, memorySource } from "../../support/files.ts";
import { connectPair } from "../../support/loopback.ts";

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

function keep<T extends Socket>(socket: T): T {
  opened.push(socket);
  return socket.on("error", () => undefined);
}

function secureClient(socket: Socket, maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3"): Socket {
  return keep(connectTls({ socket, rejectUnauthorized: false, maxVersion }));
}

async function secureServer(socket: Socket): Promise<TLSSocket> {
  const { pem } = await certificate;
  const secureContext = createSecureContext({ cert: pem, key: pem });
  return keep(new TLSSocket(socket, { isServer: true, secureContext }));
}

function secured(
  maxVersion: "TLSv1.2" | "TLSv1.3",
  ticketGuard: "keyCallback" | "heldOutput" = "keyCallback",
) {
  return async (): Promise<Download> => {
    const { pem } = await certificate;
    const { download } = await openTlsContexts({ pem, minVersion: "TLSv1.2", ticketGuard });
    const { client: raw, accepted } = await connectPair();
    const client = secureClient(raw, maxVersion);
    const socket = keep(await secureServerSocket(accepted, download, { signal }));
    return { socket, openClient: () => client };
  };
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
const slowDisk = (): DiskPace => {
  let nowMs = 0;
  const pace = new DiskPace(() => nowMs);
  pace.measure(() => (nowMs += 1000));
  return pace;
};

test.each([
  { what: "TLS 1.3", open: secured("TLSv1.3") },
  { what: "TLS 1.2", open: secured("TLSv1.2") },
  { what: "TLS 1.3 with held output", open: secured("TLSv1.3", "heldOutput") },
  { what: "TLS 1.3, a slow disk", open: secured("TLSv1.3"), pace: slowDisk() },
  { what: "TLS 1.3, any storage", open: secured("TLSv1.3"), source: memorySource },
  { what: "TLS before the handshake", open: beforeHandshake },
  { what: "TLS behind another write", open: behindAnotherWrite },
  { what: "in the clear, without native code", open: inTheClear, native: false },
])("downloads at once, $what", async ({ open, source = fromDisk, ...options }) => {
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
  const received = await Promise.all(clients.map(readSlowly));
  expect(await Promise.all(sending)).toEqual(contents.map(() => FILE_BYTES));
  for (const [index, content] of contents.entries()) {
    const { ahead = Buffer.alloc(0) } = downloads[index] ?? {};
    const bytes = received[index] ?? Buffer.alloc(0);
    expect(bytes.length).toBe(ahead.length + FILE_BYTES);
    expect(bytes.equals(Buffer.concat([ahead, content]))).toBe(true);
  }
});
