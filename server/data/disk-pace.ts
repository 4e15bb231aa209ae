/** Whether the disk is fast enough to be used on the event loop's own thread. */

/**
 * A synchronous operation that takes longer than this holds up every other session. Well above what
 * a busy processor adds by giving its turn to others.
 */
const SLOW_MS = 20;
const SHORTEST_REST_MS = 1000;
const LONGEST_REST_MS = 60_000;

/**
 * Decides between synchronous and asynchronous disk operations by what they were seen to take. The
 * way through the thread pool costs more than reading from the page cache; but an operation that
 * really waits for a disk must not stop the server. After a slow one everything is asynchronous for
 * a while, for longer each time it happens again.
 */
export class DiskPace {
  readonly #nowMs: () => number;
  #restUntilMs = 0;
  #restMs = SHORTEST_REST_MS;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** True when a synchronous operation may be tried now. */
  get isFast(): boolean {
    return this.#nowMs() >= this.#restUntilMs;
  }

  /** Runs a synchronous operation and learns from the time it took. */
  measure<T>(operation: () => T): T {
    const begunMs = this.#nowMs();
    const result = operation();
    const endedMs = this.#nowMs();
    if (endedMs - begunMs > SLOW_MS) {
      this.#restUntilMs = endedMs + this.#restMs;
      this.#restMs = Math.min(2 * this.#restMs, LONGEST_REST_MS);
    } else {
      this.#restMs = SHORTEST_REST_MS;
    }
    return result;
  }
}
