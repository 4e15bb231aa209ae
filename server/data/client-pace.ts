/** Whether a client takes data as fast as the event loop's own thread can give it. */

/** More than all buffers on the way hold, so that it says something about the client. */
const WINDOW_BYTES = 16 * 1024 * 1024;
/** The first time. A client that only has large buffers seems fast then: what is waited for tells. */
const FIRST_WINDOW_BYTES = 4 * 1024 * 1024;
/** Whoever takes less is served just as well by the event loop. */
const FAST_BYTES_PER_MS = 400 * 1024;
/** What the clock can tell apart. */
const SHORTEST_MS = 0.001;

/**
 * Judges by what was moved last. A client that never let its socket fill up keeps up with us, however
 * slow we are (because many others are served as well); one that did may be fast all the same.
 */
export class ClientPace {
  readonly #nowMs: () => number;
  #begunMs = 0;
  #windowBytes = FIRST_WINDOW_BYTES;
  #bytes = 0;
  #filled = false;
  #keepsUp = false;
  #bytesPerMs = 0;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.restart();
  }

  /** False until enough has moved to tell. */
  get keepsUp(): boolean {
    return this.#keepsUp;
  }

  /** What it takes in so much time, by what was moved last; 0 when nobody knows. */
  bytesIn(milliseconds: number): number {
    return this.#bytesPerMs * milliseconds;
  }

  /** Bytes went out without waiting. */
  moved(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= this.#windowBytes) this.#judge(this.#filled);
  }

  /** The socket takes no more for now. */
  filled(): void {
    this.#filled = true;
  }

  /** Bytes went out since the last `restart`, in a way that waits for the client. */
  waited(bytes: number): void {
    this.#bytes = bytes;
    this.#judge(true);
  }

  /** Forgets what it knows, and begins anew. */
  restart(): void {
    this.#begunMs = this.#nowMs();
    this.#bytes = 0;
    this.#filled = false;
    this.#keepsUp = false;
    this.#bytesPerMs = 0;
  }

  #judge(filled: boolean): void {
    const bytesPerMs = this.#bytes / Math.max(this.#nowMs() - this.#begunMs, SHORTEST_MS);
    this.restart();
    this.#windowBytes = WINDOW_BYTES;
    this.#keepsUp = !filled || bytesPerMs >= FAST_BYTES_PER_MS;
    this.#bytesPerMs = bytesPerMs;
  }
}
