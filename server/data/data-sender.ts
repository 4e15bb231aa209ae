/** The sending side of a data connection. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { DataFlow, TransferError, type TransferOptions } from "./data-flow.ts";

/** For the client's close after ours; those that wait for the reply 226 first lose this much. */
const CLOSE_CONFIRMATION_SECONDS = 2;

export class DataSender implements Disposable {
  readonly flow: DataFlow;
  readonly #socket: Socket;
  readonly #confirmationMs: number;

  constructor(socket: Socket, options: TransferOptions) {
    this.flow = new DataFlow(socket, options);
    this.#socket = socket;
    this.#confirmationMs = (options.closeConfirmationSeconds ?? CLOSE_CONFIRMATION_SECONDS) * 1000;
    // Read, so that the client's end or reset is noticed; what a client sends here has no meaning.
    socket.resume();
  }

  /** Writes and waits until the kernel has all of it: `chunk` may be used again then. */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    const socket = this.#socket;
    await this.flow.until((done) => {
      socket.write(chunk, (error) =>
        done(error ?? (socket.destroyed ? new Error("closed") : null)),
      );
    });
    this.flow.count(chunk.length);
  }

  /**
   * Ends the connection in good order (TLS close_notify, FIN) and waits for the client's own close,
   * which tells that it has taken everything. A client that does not close before it has read the
   * reply 226 gets the reply after a moment; the kernel goes on delivering what it holds.
   */
  async finish(): Promise<void> {
    try {
      await this.flow.until((done) => void this.#socket.end(done));
      if (!this.#socket.readableEnded) await this.#confirm();
    } catch (error) {
      // A client that knows the size need not wait for our close_notify. It closes, and so resets
      // the connection, when it has all bytes (curl does).
      if (!(this.#socket instanceof TLSSocket) || !isLoss(error)) throw error;
    }
    this.#socket.destroy();
  }

  async #confirm(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let onEnd: (() => void) | undefined;
    try {
      await this.flow.until((done) => {
        onEnd = () => done();
        this.#socket.once("end", onEnd);
        timer = setTimeout(onEnd, this.#confirmationMs);
      });
    } finally {
      clearTimeout(timer);
      if (onEnd !== undefined) this.#socket.off("end", onEnd);
    }
  }

  [Symbol.dispose](): void {
    this.flow[Symbol.dispose]();
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof TransferError && error.kind === "connectionLost";
}
