/** One transfer's hold on its data connection: what may end it, and waiting without being missed. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { transferQuantum } from "./turn-quantum.ts";

export type TransferErrorKind =
  /** The signal aborted: ABOR, or the session ended. */
  | "aborted"
  /** The connection broke before the transfer was complete. */
  | "connectionLost"
  /** No byte moved for the idle time. */
  | "timedOut"
  /** What came is no whole compressed stream (MODE Z). */
  | "damaged";

/** Thrown when a transfer fails for its connection's sake. The socket is closed by then. */
export class TransferError extends Error {
  override readonly name = "TransferError";
  readonly kind: TransferErrorKind;

  constructor(kind: TransferErrorKind, options?: ErrorOptions) {
    super(kind, options);
    this.kind = kind;
  }
}

/** Slows a transfer down; one per direction of a session. */
export interface RateLimiter {
  /**
   * Asks to move `bytes`. Undefined: now; else resolves when it is time, or rejects with the
   * signal's reason.
   */
  take(bytes: number, signal: AbortSignal): Promise<void> | undefined;
  /** How much to move at once, so that a slow transfer still moves something every moment. */
  chunkBytes(): number;
}

export interface TransferOptions {
  /** Ends the transfer at once and closes the connection. */
  readonly signal: AbortSignal;
  /** Ends a transfer on which no byte moves; absent: never. Waiting for disk or limiter is exempt. */
  readonly idleTimeoutSeconds?: number | undefined;
  /** Told of bytes on the data connection as they move. */
  readonly onBytes?: ((count: number) => void) | undefined;
  readonly rateLimiter?: RateLimiter | undefined;
  /**
   * What is sent tells where it ends (MODE Z): a client may leave as soon as it has that, without
   * reading our close_notify.
   */
  readonly tellsEnd?: boolean | undefined;
  /** How long a sender waits for the client's close after its own; see `DataSender.finish`. */
  readonly closeConfirmationSeconds?: number | undefined;
  /** For tests: false leaves out what Node cannot do alone. */
  readonly native?: boolean | undefined;
}

/**
 * Watches the connection of one transfer. The first thing that goes wrong is what the transfer
 * fails of; the socket is destroyed with it. Disposing takes every listener off again.
 */
export class DataFlow implements Disposable {
  readonly socket: Socket;
  /** Under TLS. */
  readonly isSecured: boolean;
  readonly #options: TransferOptions;
  readonly #ended = new AbortController();
  #error: TransferError | undefined;
  #wake: (() => void) | undefined;
  #waitsForUs = false;
  #bytes = 0;
  /** Something moved that the socket did not see. */
  #movedUnseen = false;
  /** Node writes what TLS has encrypted in turns of its own. */
  readonly #turns: Disposable | undefined;

  constructor(socket: Socket, options: TransferOptions) {
    this.socket = socket;
    this.#options = options;
    this.isSecured = socket instanceof TLSSocket;
    this.#turns = this.isSecured ? transferQuantum.needTurns() : undefined;
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.on("timeout", this.#onTimeout);
    options.signal.addEventListener("abort", this.#onAbort);
    if (options.signal.aborted) this.#onAbort();
    else if (socket.destroyed) this.fail(new TransferError("connectionLost"));
    else socket.setTimeout(this.#idleMs);
  }

  /** Bytes that moved so far. */
  get bytes(): number {
    return this.#bytes;
  }

  count(bytes: number): void {
    this.#bytes += bytes;
    this.#options.onBytes?.(bytes);
  }

  /** Counts bytes that the kernel moved past the socket. */
  countUnseen(bytes: number): void {
    this.#movedUnseen = true;
    this.count(bytes);
  }

  /** The idle time begins anew. */
  touch(): void {
    if (!this.socket.destroyed) this.socket.setTimeout(this.#idleMs);
  }

  fail(error: TransferError): void {
    this.#error ??= error;
    this.socket.destroy();
    this.#ended.abort(this.#error);
    this.#wake?.();
  }

  throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** The turn that was waited for is for reading: Node does so when something comes, and decrypts it then. */
  spendOnReading(): void {
    if (this.isSecured) transferQuantum.spendLater();
    else transferQuantum.spend();
  }

  /** Starts something that calls back, and waits until it did or the transfer failed. */
  until(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error | null): void => {
        if (this.#wake !== done) return;
        this.#wake = undefined;
        // The callback of a write learns of an error before the socket's listeners do.
        if (error) this.fail(new TransferError("connectionLost", { cause: error }));
        if (this.#error === undefined) resolve();
        else reject(this.#error);
      };
      this.#wake = done;
      if (this.#error === undefined) start(done);
      else done();
    });
  }

  /** Waits for the server's own side, during which the client's silence is not idleness. */
  async ours<T>(work: Promise<T>): Promise<T> {
    this.#waitsForUs = true;
    try {
      return await work;
    } finally {
      this.#waitsForUs = false;
    }
  }

  /** Waits until the limiter admits `bytes`. */
  async admit(bytes: number): Promise<void> {
    const waiting = this.#options.rateLimiter?.take(bytes, this.#ended.signal);
    if (waiting === undefined) return;
    try {
      await this.ours(waiting);
    } catch (error) {
      this.throwIfFailed();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#turns?.[Symbol.dispose]();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    if (!this.socket.destroyed) this.socket.setTimeout(0);
    this.socket.off("timeout", this.#onTimeout);
    this.socket.off("close", this.#onClose);
    // A socket that is still closing may yet emit an error, which is nobody's any more.
    this.socket.on("error", ignore);
    this.socket.off("error", this.#onError);
  }

  get #idleMs(): number {
    return (this.#options.idleTimeoutSeconds ?? 0) * 1000;
  }

  readonly #onAbort = (): void => {
    this.fail(new TransferError("aborted", { cause: this.#options.signal.reason }));
  };

  readonly #onError = (cause: Error): void => {
    this.fail(new TransferError("connectionLost", { cause }));
  };

  readonly #onClose = (): void => {
    this.fail(new TransferError("connectionLost"));
  };

  readonly #onTimeout = (): void => {
    const active = this.#waitsForUs || this.#movedUnseen;
    this.#movedUnseen = false;
    if (active) this.touch();
    else this.fail(new TransferError("timedOut"));
  };
}

function ignore(): void {
  // See the dispose of DataFlow.
}
