/**
 * The stream below a control connection's TLS that can be left again (CCC, RFC 4217, 5 and 15.3). It
 * passes whole TLS records, so that what a client sends in the clear behind its close_notify is
 * never swallowed by TLS, and nothing from before is ever taken for clear text.
 */
import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { TlsHandshakeError } from "./handshake-error.ts";

const RECORD_HEADER_BYTES = 5;
/** change_cipher_spec, alert, handshake, application_data (RFC 8446, 5.1). */
const RECORD_TYPES = { first: 20, last: 23 } as const;

export class RecordGate extends Duplex {
  readonly #socket: Socket;
  /** Bytes that TLS has not got: less than a record, or everything since `step`. */
  #waiting: Buffer = Buffer.alloc(0);
  #stepping = false;
  #onClear: (() => void) | undefined;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true, decodeStrings: true });
    this.#socket = socket;
    socket.on("data", this.#onData);
    socket.once("end", this.#onEnd);
    socket.once("error", this.#onError);
    socket.once("close", this.#onClose);
  }

  /**
   * From now on TLS gets one record per turn, until `release` or until something comes that is no
   * record: then `onClear` is told.
   */
  step(onClear: () => void): void {
    this.#stepping = true;
    this.#onClear = onClear;
    this.#deliver();
  }

  /** Gives the socket back, with what TLS did not get before it. */
  release(): Socket {
    const socket = this.#socket;
    this.#onClear = undefined;
    socket.off("data", this.#onData).off("end", this.#onEnd);
    socket.off("error", this.#onError).off("close", this.#onClose);
    socket.pause();
    if (this.#waiting.length > 0) socket.unshift(this.#waiting);
    this.#waiting = Buffer.alloc(0);
    return socket;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#socket.write(chunk, (error) => done(error ?? undefined));
  }

  override _final(done: (error?: Error) => void): void {
    if (this.#stepping) done();
    else this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // Once TLS is being left, whoever leaves it decides about the socket.
    if (!this.#stepping) {
      this.#socket.off("data", this.#onData);
      this.#socket.destroy();
    }
    done(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    if (this.#stepping) return this.#deliver();
    let end = 0;
    for (let size = recordBytes(this.#waiting, end); size !== undefined;) {
      end += size;
      size = recordBytes(this.#waiting, end);
    }
    if (end === 0) return;
    const records = this.#waiting.subarray(0, end);
    this.#waiting = Buffer.from(this.#waiting.subarray(end));
    if (!this.push(records)) this.#socket.pause();
  };

  #deliver(): void {
    if (this.#onClear === undefined || this.#waiting.length === 0) return;
    if (!isRecordType(this.#waiting[0])) {
      this.#onClear();
      return;
    }
    const size = recordBytes(this.#waiting, 0);
    if (size === undefined) return;
    const record = this.#waiting.subarray(0, size);
    this.#waiting = this.#waiting.subarray(size);
    this.push(record);
    // TLS has seen it by then, and said so when it was the client's last.
    setImmediate(() => this.#deliver());
  }

  readonly #onEnd = (): void => void this.push(null);
  readonly #onError = (error: Error): void => void this.destroy(error);
  readonly #onClose = (): void => void this.destroy();
}

/** Length of the record at `at`, of what is no record everything; undefined: it is not whole yet. */
function recordBytes(bytes: Buffer, at: number): number | undefined {
  if (at >= bytes.length) return undefined;
  // No TLS: let OpenSSL say so.
  if (!isRecordType(bytes[at])) return bytes.length - at;
  if (at + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const size = RECORD_HEADER_BYTES + bytes.readUInt16BE(at + 3);
  return at + size > bytes.length ? undefined : size;
}

function isRecordType(byte: number | undefined): boolean {
  return byte !== undefined && byte >= RECORD_TYPES.first && byte <= RECORD_TYPES.last;
}

/**
 * Ends TLS on a connection that goes on in the clear: says close_notify and waits for the client's,
 * or for its first byte in the clear, because some clients leave theirs out.
 *
 * @returns the socket in the clear; nobody listens to it, and it is paused.
 * @throws TlsHandshakeError when something else comes under TLS, the client leaves or the signal
 *   aborts; the connection is closed then.
 */
export function leaveTls(
  secured: TLSSocket,
  gate: RecordGate,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const settle = (error: TlsHandshakeError | undefined): void => {
      secured.off("data", onData).off("end", onEnd).off("close", onLost);
      signal.removeEventListener("abort", onAbort);
      const socket = gate.release();
      // TLS is over; what it may still complain about means nothing.
      secured.on("error", () => undefined);
      secured.destroy();
      if (error === undefined) return resolve(socket);
      socket.on("error", () => undefined);
      socket.destroy();
      reject(error);
    };
    const onEnd = (): void => settle(undefined);
    const onData = (): void => settle(new TlsHandshakeError("refused"));
    const onLost = (): void => settle(new TlsHandshakeError("connectionLost"));
    const onAbort = (): void => settle(new TlsHandshakeError("aborted", { cause: signal.reason }));
    if (signal.aborted) return onAbort();
    secured.on("data", onData).on("end", onEnd).on("close", onLost);
    signal.addEventListener("abort", onAbort, { once: true });
    secured.resume();
    secured.end();
    gate.step(onEnd);
  });
}
