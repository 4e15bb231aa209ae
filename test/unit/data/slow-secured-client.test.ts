/** A client under TLS that takes little, but always something, is not idle. */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { afterAll, expect, test, vi } from "vitest";
import { sendFile } from "../../../server/data/send.ts";
import { CHUNK_BYTES } from "../../../server/data/turn-quantum.ts";
import { makeTestCertificate } from "../../support/certificate.ts";
import { diskSource, makeFolder } from "../../support/files.ts";
import { connectPair } from "../../support/loopback.ts";

const FILE_BYTES = 416 * 1024;
const STEP_BYTES = 16 * 1024;
const STEP_MS = 20;
/** From the second chunk on: another like the first would look idle for twice the time that is allowed. */
const SLOW_STEP_MS = 120;
const LEAST_CHUNK_BYTES = 16 * 1024;
const IDLE_SECONDS = 0.6;

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());

/** Passes on what is written by small steps; says that it has when all of it went. */
class NarrowPath extends Duplex {
  readonly #socket: Socket;
  #sentBytes = 0;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk) => void this.push(chunk));
    socket.on("end", () => void this.push(null));
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    void this.#passOn(chunk).then(done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  async #passOn(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += STEP_BYTES) {
      const step = chunk.subarray(at, at + STEP_BYTES);
      // What the handshake says goes at once.
      const ms = this.#sentBytes < CHUNK_BYTES ? STEP_MS : SLOW_STEP_MS;
      if (step.length === STEP_BYTES) await pause(ms);
      this.#socket.write(step);
      this.#sentBytes += step.length;
    }
  }
}

test("a client that takes a chunk in more than the idle time gets smaller ones", async () => {
  const slowChunkMs = (CHUNK_BYTES / STEP_BYTES) * SLOW_STEP_MS;
  expect(slowChunkMs).toBeGreaterThan(2 * IDLE_SECONDS * 1000);
  const { pem } = await makeTestCertificate();
  const { client: raw, accepted } = await connectPair();
  const secureContext = createSecureContext({ cert: pem, key: pem });
  const socket = new TLSSocket(new NarrowPath(accepted), { isServer: true, secureContext });
  socket.on("error", () => undefined);
  const client = connectTls({ socket: raw, rejectUnauthorized: false });
  client.on("error", () => undefined).on("end", () => client.end());
  await new Promise((resolve) => client.once("secureConnect", resolve));
  const content = Buffer.alloc(FILE_BYTES, "all of it");
  await using handle = diskSource(folder.path, content);
  const { signal } = new AbortController();
  const writes = vi.spyOn(socket, "write");
  const sending = sendFile(socket, handle, { signal, idleTimeoutSeconds: IDLE_SECONDS });
  const received: Buffer[] = [];
  client.on("data", (chunk: Buffer) => received.push(chunk));
  expect(await sending).toBe(FILE_BYTES);
  const chunks = writes.mock.calls.map(([chunk]) => (chunk as Uint8Array).length);
  expect(Math.min(...chunks.slice(0, -1))).toBeGreaterThanOrEqual(LEAST_CHUNK_BYTES);
  expect(Buffer.concat(received).equals(content)).toBe(true);
  raw.destroy();
});
