/** The sending side of a data connection. */
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemCalls, type SystemCalls } from "../native/system-calls.ts";
import { DataFlow, TransferError, type TransferOptions } from "./data-flow.ts";
import { endPromptly } from "./prompt-end.ts";
import { sendThreads } from "./send-threads.ts";
import { settlesSoon } from "./settles-soon.ts";
import { descriptorOf, lookUpUnacknowledgedBytes } from "./socket-descriptor.ts";
import { CHUNK_BYTES, QUIET_CHUNK_BYTES } from "./turn-quantum.ts";

/** For the client's close after ours; those that wait for the reply 226 first lose this much. */
const CLOSE_CONFIRMATION_SECONDS = 2;
/** Of our end, what a client need not take: a FIN, and before it TLS' close_notify. */
const FIN_BYTES = 1;
const SECURED_END_BYTES = 64;
/** See `chunkBytes`. */
const MOMENT_MS = 100;
const LEAST_CHUNK_BYTES = 16 * 1024;
/** From one chunk to the next: a socket that was full has room for a megabyte at once. */
const CHUNK_GROWTH_BYTES = 16 * 1024;
/** Usually more than sockets take for a client that reads slowly; what is encrypted then waits in memory. */
const LARGE_CHUNKS_AFTER_BYTES = 8 * 1024 * 1024;
const SHORTEST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 200;

export class DataSender implements Disposable {
  readonly flow: DataFlow;
  /** Undefined where Node has to do alone. */
  readonly calls: SystemCalls | undefined;
  readonly #socket: Socket;
  readonly #confirmationMs: number;
  readonly #tellsEnd: boolean;
  #lookTimer: NodeJS.Timeout | undefined;
  /** What the next chunk may have at most, for the last write's sake. */
  #nextBytes = Infinity;

  constructor(socket: Socket, options: TransferOptions) {
    this.flow = new DataFlow(socket, options);
    this.calls = options.native === false ? undefined : systemCalls();
    this.#socket = socket;
    this.#tellsEnd = options.tellsEnd === true;
    this.#confirmationMs = (options.closeConfirmationSeconds ?? CLOSE_CONFIRMATION_SECONDS) * 1000;
    // Read, so that the client's end or reset is noticed; what a client sends here has no meaning.
    socket.resume();
    if (this.flow.isSecured) socket.once("end", this.#onEnd);
  }

  /** Node says in the next turn that what TLS has encrypted was written. */
  get stepsInTurn(): "one" | "many" {
    return this.flow.isSecured ? "one" : "many";
  }

  /**
   * How much to write at once. Under TLS less after a write that took long: until all of a chunk is
   * written nothing tells that some of it moved, so that a slow client would seem idle, and what is
   * encrypted takes memory meanwhile. A full socket still lets such a client's next write wait until a
   * good part of it is free.
   */
  get chunkBytes(): number {
    if (!this.flow.isSecured) return CHUNK_BYTES;
    const mayBeLarge = sendThreads.isQuiet && this.flow.bytes >= LARGE_CHUNKS_AFTER_BYTES;
    const most = mayBeLarge ? QUIET_CHUNK_BYTES : CHUNK_BYTES;
    return Math.max(LEAST_CHUNK_BYTES, Math.min(most, this.#nextBytes));
  }

  /**
   * Asked before a write: whether the chunk may be used again as soon as that has begun, before it
   * resolves. Under TLS Node encrypts all of it before its `write` returns, and copies what the handshake
   * keeps waiting (TLSWrap::DoWrite); but what queues in the stream itself is neither.
   */
  get isDoneOnceBegun(): boolean {
    const { connecting, writableCorked, writableLength } = this.#socket;
    // Nobody writes nothing, which would queue what follows without showing here.
    const queues = connecting || writableCorked > 0 || writableLength > 0;
    return this.flow.isSecured && !queues;
  }

  /** Writes and waits until the kernel has all of it: `chunk` may be used again then. */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    const socket = this.#socket;
    const begunMs = performance.now();
    await this.flow.until((done) => {
      socket.write(chunk, (error) =>
        done(error ?? (socket.destroyed ? new Error("closed") : null)),
      );
    });
    const inMoment = (chunk.length * MOMENT_MS) / (performance.now() - begunMs);
    this.#nextBytes = Math.min(Math.floor(inMoment), this.chunkBytes + CHUNK_GROWTH_BYTES);
    this.flow.count(chunk.length);
  }

  /**
   * A reset that meets a write within TLS is told of as an end, and the write is never called back.
   * So at an end it is looked whether the connection still exists.
   */
  readonly #onEnd = (): void => {
    this.#lookTimer = setTimeout(() => void this.#failIfGone(), LONGEST_LOOK_MS);
  };

  async #failIfGone(): Promise<void> {
    const isWriting = this.#socket.writableLength > 0;
    if (!isWriting || process.platform !== "linux") return;
    const left = await lookUpUnacknowledgedBytes(this.#socket);
    if (left === undefined) this.flow.fail(new TransferError("connectionLost"));
  }

  /**
   * Ends the connection in good order (TLS close_notify, FIN) and waits for the client's own end,
   * which tells that it has taken everything. A client that does not end before it has read the
   * reply 226 gets the reply after a moment, unless its system has not acknowledged every byte by
   * then: that is waited for as long as a transfer may be idle.
   *
   * A reset says that the client left without reading everything. There are two exceptions: a client
   * that knows the size ends in order when it has all bytes, and its system then resets on our
   * close_notify, which nobody is there to read; and one that sees the end in what it is sent may
   * leave with our close_notify unread, so its system has to have everything before that goes out.
   *
   * @param last bytes that were not written yet, to go with the end; only on a connection on which
   *   nothing was written.
   */
  async finish(last?: Uint8Array): Promise<void> {
    if (last !== undefined) {
      const { bytes, state } = endPromptly(this.#socket, last);
      this.flow.countUnseen(bytes);
      if (state === "delivered") {
        this.#socket.destroy();
        return;
      }
      await this.write(last.subarray(bytes));
    }
    const secured = this.flow.isSecured;
    let delivered = false;
    try {
      if (secured) {
        // Such an end may have arrived already, and is read before ours provokes the reset.
        await settlesSoon(nextTurn());
        this.flow.throwIfFailed();
        if (this.#tellsEnd || this.#socket.readableEnded) {
          await this.#acknowledged(0, "doubtful");
          delivered = true;
        }
      }
      const early = this.#socket.readableEnded;
      const ending = this.flow.until((done) => void this.#socket.end(done));
      if (secured) await settlesSoon(ending);
      await ending;
      const confirmed = early || (await this.#confirm());
      await this.#acknowledged(
        secured ? SECURED_END_BYTES : FIN_BYTES,
        early || !confirmed ? "doubtful" : "likely",
      );
    } catch (error) {
      if (!delivered || !isLoss(error)) throw error;
    }
    this.#socket.destroy();
  }

  /** Waits for the client's end; false when it did not come in time. */
  async #confirm(): Promise<boolean> {
    if (this.#socket.readableEnded) return true;
    let onEnd: (() => void) | undefined;
    try {
      await this.#pause(this.#confirmationMs, (done) => {
        onEnd = done;
        this.#socket.once("end", onEnd);
      });
      return this.#socket.readableEnded;
    } finally {
      if (onEnd !== undefined) this.#socket.off("end", onEnd);
    }
  }

  /**
   * Waits until the client's system has acknowledged all but `most` bytes. A client that takes
   * nothing more times out like any other.
   *
   * @param doubt `likely`: it is not worth a look that costs much.
   */
  async #acknowledged(most: number, doubt: "likely" | "doubtful"): Promise<void> {
    let before = Infinity;
    for (let lookMs = SHORTEST_LOOK_MS; ; lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)) {
      const descriptor = descriptorOf(this.#socket);
      let left = descriptor === undefined ? undefined : this.calls?.unacknowledgedBytes(descriptor);
      if (left === undefined && doubt === "doubtful") {
        left = await lookUpUnacknowledgedBytes(this.#socket);
        this.flow.throwIfFailed();
      }
      if (left === undefined || left <= most) return;
      if (left < before) this.flow.touch();
      before = left;
      await this.#pause(lookMs);
    }
  }

  /** Waits until the time is over, `early` says so, or the transfer fails. */
  async #pause(milliseconds: number, early?: (done: () => void) => void): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.flow.until((done) => {
        timer = setTimeout(done, milliseconds);
        early?.(() => done());
      });
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#lookTimer);
    this.#socket.off("end", this.#onEnd);
    this.flow[Symbol.dispose]();
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof TransferError && error.kind === "connectionLost";
}
