/** Whether the disk is fast enough to be used on the event loop's own thread. */

/**
 * A synchronous operation that takes longer than this holds up every other session. Well above what
 * a busy processor adds by giving its turn to others.
 */
const SLOW_MS = 20;
/** After one slow operation alone, which says more about the processor than about the disk. */
const SHORTEST_REST_MS = 25;
const LONGEST_REST_MS = 60_000;
const GROWTH = 8;
/** A disk that was fast for as long as this, and as its last rest, begins anew. */
const FORGIVEN_AFTER_MS = 2000;

/**
 * Decides between synchronous and asynchronous disk operations by what they were seen to take. The
 * way through the thread pool costs several times what reading from the page cache does; but an
 * operation that really waits for a disk must not stop the server. After a slow one everything is
 * asynchronous for a while: for a moment the first time, and for much longer when it happens again
 * soon.
 */
export class DiskPace {
  readonly #nowMs: () => number;
  #restUntilMs = 0;
  #restMs = 0;

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
      const quietMs = begunMs - this.#restUntilMs;
      const forgiven = quietMs > Math.max(FORGIVEN_AFTER_MS, this.#restMs);
      this.#restMs =
        forgiven || this.#restMs === 0
          ? SHORTEST_REST_MS
          : Math.min(GROWTH * this.#restMs, LONGEST_REST_MS);
      this.#restUntilMs = endedMs + this.#restMs;
    }
    return result;
  }
}
