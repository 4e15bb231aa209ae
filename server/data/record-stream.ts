/**
 * The stream below an upload's TLS. It sees where the TLS records end, which nobody above can tell:
 * a FIN in the midst of a record cuts the file short, one between two records is how many clients
 * end (those that leave out close_notify: RFC 8446, 6.1 forbids it, and vsftpd allows it too).
 */
import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { BufferPool } from "./buffer-pool.ts";
import { rewrap } from "./rewrap.ts";

const READ_BYTES = 128 * 1024;
const HEADER_BYTES = 5;

const buffers = new BufferPool(READ_BYTES);

export class RecordStream extends Duplex {
  /** What is read from and written to; the one given to the constructor may be used no more. */
  readonly socket: Socket;
  readonly #records = new RecordBorders();
  #buffer: Buffer | undefined;

  /** Takes over `socket`, from which nothing was read. */
  constructor(socket: Socket) {
    // Nothing is read ahead while TLS has paused: it would have to be kept.
    super({ allowHalfOpen: true, decodeStrings: true, readableHighWaterMark: 0 });
    const rewrapped = rewrap(socket, {
      buffer: () => (this.#buffer ??= buffers.take()),
      callback: (count) => this.#onRead(count),
    });
    this.socket = rewrapped ?? socket;
    if (rewrapped === undefined) socket.on("data", this.#onData);
    this.socket
      .once("end", () => void this.push(null))
      .once("error", (error) => void this.destroy(error))
      .once("close", () => void this.destroy());
  }

  /** The last record that came is whole. */
  get isWhole(): boolean {
    return this.#records.atBorder;
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.socket.write(chunk, (error) => done(error ?? undefined));
  }

  override _final(done: (error?: Error) => void): void {
    this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy();
    if (this.#buffer !== undefined) buffers.give(this.#buffer);
    this.#buffer = undefined;
    done(error);
  }

  #onRead(count: number): boolean {
    const chunk = this.#buffer?.subarray(0, count);
    if (chunk === undefined) return false;
    this.#records.pass(chunk);
    const goesOn = this.push(chunk);
    // TLS has copied what it took at once; what waits for it must not be read over.
    if (this.readableLength > 0) this.#buffer = undefined;
    return goesOn && !this.isPaused();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#records.pass(chunk);
    if (!this.push(chunk)) this.socket.pause();
  };
}

/** Follows TLS records by their headers: type, version, length (RFC 8446, 5.1). */
class RecordBorders {
  #headerBytes = 0;
  #length = 0;
  #bodyBytes = 0;

  get atBorder(): boolean {
    return this.#headerBytes === 0 && this.#bodyBytes === 0;
  }

  pass(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#bodyBytes > 0) {
        const skipped = Math.min(this.#bodyBytes, chunk.length - at);
        this.#bodyBytes -= skipped;
        at += skipped;
        continue;
      }
      this.#length = ((this.#length << 8) | (chunk[at++] ?? 0)) & 0xffff;
      if (++this.#headerBytes < HEADER_BYTES) continue;
      this.#headerBytes = 0;
      this.#bodyBytes = this.#length;
    }
  }
}
