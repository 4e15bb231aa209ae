import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Duplex } from "node:stream";
import * as tls from "node:tls";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  openTlsContexts,
  type TlsChannel,
  type TlsContexts,
} from "../../../server/tls/contexts.ts";
import { secureServerSocket } from "../../../server/tls/secure-socket.ts";
import { makeTestCertificate, type TestCertificate } from "../../support/certificate.ts";

let certificate: TestCertificate;
const opened: { destroy(): void }[] = [];

beforeAll(async () => {
  certificate = await makeTestCertificate();
});

afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** Two ends of a TCP connection over loopback, the accepted one paused. */
async function connectPair(): Promise<{ client: Socket; accepted: Socket }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.on("error", () => undefined);
  const [accepted] = (await once(server, "connection")) as [Socket];
  server.close();
  opened.push(client, accepted);
  return { client, accepted };
}

const never = new AbortController().signal;

/** A handshake over loopback; the client has read one byte, so every ticket has come. */
async function handshake(
  channel: TlsChannel,
  options: tls.ConnectionOptions = {},
): Promise<{ secured: tls.TLSSocket; client: tls.TLSSocket; tickets: Buffer[] }> {
  const { client: raw, accepted } = await connectPair();
  const client = tls.connect({ socket: raw, rejectUnauthorized: false, ...options });
  const tickets: Buffer[] = [];
  client.on("session", (ticket: Buffer) => tickets.push(ticket));
  client.on("error", () => undefined);
  const secured = await secureServerSocket(accepted, channel, { signal: never });
  opened.push(secured, client);
  return { secured, client, tickets };
}

const versions = ["TLSv1.3", "TLSv1.2"] as const;

describe.each(["ecdsa", "rsa"] as const)("with a certificate of kind %s", (kind) => {
  let contexts: TlsContexts;
  beforeAll(async () => {
    const { pem } = await makeTestCertificate(kind);
    contexts = await openTlsContexts({ pem, minVersion: "TLSv1.2" });
  });

  test.each(versions)("%s: upload and download resume the control session", async (version) => {
    const control = await handshake(contexts.control, { maxVersion: version });
    control.secured.write("x");
    await once(control.client, "data");
    const session = control.tickets[0] ?? control.client.getSession();
    expect(session).toBeDefined();
    expect(control.secured.isSessionReused()).toBe(false);
    for (const channel of [contexts.upload, contexts.download, contexts.upload]) {
      const data = await handshake(channel, { maxVersion: version, session });
      expect(data.secured.getProtocol()).toBe(version);
      expect(data.secured.isSessionReused()).toBe(true);
    }
  });

  test.each(versions)("%s: the upload channel sends no ticket, the control does", async (max) => {
    expect(await contexts.ticketGuard()).toBe("keyCallback");
    const control = await handshake(contexts.control, { maxVersion: max });
    control.secured.write("x");
    await once(control.client, "data");
    expect(control.tickets.length).toBeGreaterThan(0);
    const session = control.tickets[0];
    for (const resumed of [undefined, session]) {
      const upload = await handshake(contexts.upload, {
        maxVersion: max,
        ...(resumed === undefined ? {} : { session: resumed }),
      });
      upload.secured.write("x");
      await once(upload.client, "data");
      expect(upload.tickets).toEqual([]);
    }
  });
});

describe.each(["keyCallback", "heldOutput"] as const)("uploads guarded by %s", (ticketGuard) => {
  test("every byte arrives from a client that never reads and closes", async () => {
    const contexts = await openTlsContexts({
      pem: certificate.pem,
      minVersion: "TLSv1.2",
      ticketGuard,
    });
    expect(await contexts.ticketGuard()).toBe(ticketGuard);
    const unguarded = await uploadWithoutReading(contexts.control);
    expect(unguarded.error).toContain("ECONNRESET");
    const guarded = await uploadWithoutReading(contexts.upload);
    expect(guarded).toEqual({ bytes: UPLOAD_BYTES, error: undefined });
  });

  test("a session of the control channel resumes", async () => {
    const contexts = await openTlsContexts({
      pem: certificate.pem,
      minVersion: "TLSv1.2",
      ticketGuard,
    });
    const control = await handshake(contexts.control);
    control.secured.write("x");
    await once(control.client, "data");
    const session = control.tickets[0];
    const upload = await handshake(contexts.upload, session === undefined ? {} : { session });
    expect(upload.secured.isSessionReused()).toBe(true);
  });
});

const UPLOAD_BYTES = 32 * 1024 * 1024;
/** Still under way when the client closes: a loss would show in it. The kernel takes it all at once. */
const LAST_BYTES = 256 * 1024;

interface Received {
  bytes: number;
  error: string | undefined;
}

/** Uploads over TLS 1.3 without reading what the server sends, and closes. */
async function uploadWithoutReading(channel: TlsChannel): Promise<Received> {
  const { client: raw, accepted } = await connectPair();
  const client = tls.connect({
    socket: readingUntilSecure(raw),
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
  });
  client.on("error", () => undefined);
  const connected = once(client, "secureConnect");
  client.once("secureConnect", () => stopReading(raw));
  const secured = await secureServerSocket(accepted, channel, { signal: never });
  const received: Received = { bytes: 0, error: undefined };
  const ended = countBytes(secured, received);
  await connected;
  const upload = (bytes: number): Promise<unknown> =>
    new Promise((resolve) => client.write(Buffer.alloc(bytes, 7), resolve));
  await upload(UPLOAD_BYTES - LAST_BYTES);
  // For as long as the test may take: by itself it would give up after a second.
  await vi.waitUntil(() => received.bytes === UPLOAD_BYTES - LAST_BYTES, { timeout: 20_000 });
  secured.pause();
  await upload(LAST_BYTES);
  // A plain close(), without shutdown() before it, as most clients do.
  raw.destroy();
  await once(raw, "close");
  secured.resume();
  return await ended;
}

/**
 * A stream between a client's TLS and its socket that never asks the socket to read again: once
 * reading has stopped, what the server sends lies unread in the kernel, which answers the close
 * with RST. That is how clients behave that only write.
 */
function readingUntilSecure(socket: Socket): Duplex {
  const between = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
  });
  socket.on("data", (chunk: Buffer) => between.push(chunk));
  return between;
}

/** Reaches below the stream: pausing alone would let Node read on. */
function stopReading(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { _handle: { readStop(): void } };
  handle.readStop();
}

/** Counts into `received` until the end, be it a good one or not. */
function countBytes(
  socket: Socket,
  received: Received = { bytes: 0, error: undefined },
): Promise<Received> {
  return new Promise((resolve) => {
    socket.on("data", (chunk: Buffer) => (received.bytes += chunk.length));
    socket.once("end", () => resolve(received));
    socket.on("error", ({ message }) => {
      received.error = message;
      resolve(received);
    });
  });
}

describe("a handshake that fails", () => {
  let contexts: TlsContexts;
  beforeAll(async () => {
    contexts = await openTlsContexts({ pem: certificate.pem, minVersion: "TLSv1.3" });
  });

  test("refuses what is not TLS, and closes", async () => {
    const { client, accepted } = await connectPair();
    client.write("USER anonymous\r\n");
    await expect(
      secureServerSocket(accepted, contexts.control, { signal: never }),
    ).rejects.toMatchObject({ kind: "refused" });
    expect(accepted.destroyed).toBe(true);
  });

  test("refuses a version below the oldest one offered", async () => {
    const { client, accepted } = await connectPair();
    tls
      .connect({ socket: client, rejectUnauthorized: false, maxVersion: "TLSv1.2" })
      .on("error", () => undefined);
    await expect(
      secureServerSocket(accepted, contexts.control, { signal: never }),
    ).rejects.toMatchObject({ kind: "refused" });
  });

  test.each([
    ["ends", (client: Socket) => void client.end()],
    ["resets", (client: Socket) => void client.resetAndDestroy()],
  ])("says that the connection is lost when the client %s", async (_, leave) => {
    const { client, accepted } = await connectPair();
    leave(client);
    await expect(
      secureServerSocket(accepted, contexts.control, { signal: never }),
    ).rejects.toMatchObject({ kind: "connectionLost" });
    expect(accepted.destroyed).toBe(true);
  });

  test("ends with the signal, leaving no listener on it", async () => {
    const { accepted } = await connectPair();
    const controller = new AbortController();
    const { signal } = controller;
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    const securing = secureServerSocket(accepted, contexts.control, { signal });
    setImmediate(() => controller.abort(new Error("took too long")));
    await expect(securing).rejects.toMatchObject({
      kind: "aborted",
      cause: expect.objectContaining({ message: "took too long" }) as unknown,
    });
    expect(added).toHaveBeenCalledOnce();
    expect(removed).toHaveBeenCalledExactlyOnceWith("abort", added.mock.calls[0]?.[1]);
    expect(accepted.destroyed).toBe(true);
  });

  test("requires session reuse where told", async () => {
    const { client: raw, accepted } = await connectPair();
    tls.connect({ socket: raw, rejectUnauthorized: false }).on("error", () => undefined);
    await expect(
      secureServerSocket(accepted, contexts.upload, { signal: never, requireSessionReuse: true }),
    ).rejects.toMatchObject({ kind: "sessionNotReused" });
    expect(accepted.destroyed).toBe(true);
  });
});

test("a forged record after the handshake is an error, not an orderly end", async () => {
  const contexts = await openTlsContexts({ pem: certificate.pem, minVersion: "TLSv1.2" });
  const { client: raw, accepted } = await connectPair();
  const client = tls.connect({ socket: raw, rejectUnauthorized: false });
  client.on("error", () => undefined);
  const connected = once(client, "secureConnect");
  const secured = await secureServerSocket(accepted, contexts.upload, { signal: never });
  const outcome = countBytes(secured);
  await connected;
  await new Promise((resolve) => client.write("abc", resolve));
  const { _handle: handle } = raw as unknown as {
    _handle: { writeLatin1String(request: object, text: string): void };
  };
  handle.writeLatin1String({}, `\u0017\u0003\u0003\u0000\u0020${"A".repeat(32)}`);
  expect(await outcome).toEqual({ bytes: 3, error: expect.stringContaining("mac") as unknown });
});

test("bytes buffered before the handshake are taken for its beginning", async () => {
  const contexts = await openTlsContexts({ pem: certificate.pem, minVersion: "TLSv1.2" });
  const { client: raw, accepted } = await connectPair();
  const client = tls.connect({ socket: raw, rejectUnauthorized: false });
  client.on("error", () => undefined);
  accepted.resume();
  const [hello] = (await once(accepted, "data")) as [Buffer];
  accepted.pause();
  accepted.unshift(hello);
  const secured = await secureServerSocket(accepted, contexts.control, { signal: never });
  expect(secured.getProtocol()).toBe("TLSv1.3");
});
