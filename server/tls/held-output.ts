/** The stream below TLS that holds back what a server would send during an upload. */
import { Duplex } from "node:stream";
import type { Socket } from "node:net";

/**
 * Passes bytes between a socket and TLS; from `hold()` on, output waits until the peer has ended.
 * Where the ticket-key callback is missing, this keeps session tickets from a client that would
 * not read them. What waits is bounded by what TLS itself says during an upload: two tickets,
 * perhaps an alert.
 */
export class HeldOutput extends Duplex {
  readonly #socket: Socket;
  #held: Buffer[] | undefined;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true, decodeStrings: true });
    this.#socket = socket;
    socket.on("data", this.#onData);
    socket.once("end", this.#onEnd);
    socket.once("error", this.#onError);
    socket.once("close", this.#onClose);
  }

  /** Holds all further output until the peer's end. */
  hold(): void {
    this.#held ??= [];
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.#held !== undefined) {
      this.#held.push(Buffer.from(chunk));
      done();
    } else {
      this.#socket.write(chunk, (error) => done(error ?? undefined));
    }
  }

  override _final(done: (error?: Error) => void): void {
    this.#release();
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.off("data", this.#onData);
    this.#socket.destroy();
    done(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#release();
    this.push(null);
  };

  readonly #onError = (error: Error): void => {
    this.destroy(error);
  };

  readonly #onClose = (): void => {
    this.destroy();
  };

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const chunk of held ?? []) this.#socket.write(chunk);
  }
}
