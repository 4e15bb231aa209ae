/**
 * Bandwidth in one direction, shared in a tree: server ⊃ sites ⊃ accounts ⊃ sessions.
 *
 * Every node with a rate is a token bucket. A request waits at its leaf until all buckets above it
 * hold tokens; then it is granted whole and every bucket pays for it, into debt if need be, so that
 * a request larger than a bucket is still served at the right rate. Whenever several children of a
 * node wait, the one that has received least comes next (start-time fair queuing), at each level by
 * itself: two accounts share their site equally, however many sessions each has.
 *
 * A node with an empty bucket takes itself out of its parent's queue and comes back by a timer of
 * its own, so that finding the next request never looks at those who cannot be served.
 */

/** The time and a timer, injected: the whole part is a pure function of them. */
export interface Clock {
  /** Milliseconds that never go backwards. */
  nowMs(): number;
  /** Runs `task` once after `delayMs`; the result cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
}

/** How much a bucket may save up: enough to bridge the lateness of timers, no more. */
export const BURST_MS = 100;

/** What a node has granted, and whether its own rate held anything back. */
export interface RateUse {
  readonly bytes: number;
  readonly held: boolean;
}

interface PendingRequest {
  readonly bytes: number;
  readonly onGranted: () => void;
}

export class RateNode {
  readonly #clock: Clock;
  readonly #parent: RateNode | undefined;
  /** This node, its parent, … the root. */
  readonly #line: readonly RateNode[];
  /** Undefined: this node does not limit. */
  #bytesPerMs: number | undefined;
  #tokens = 0;
  #refilledMs = 0;
  #cancelTimer: (() => void) | undefined;
  /** Requests made here, oldest first. */
  #pending: readonly PendingRequest[] = [];
  /** Children that have something to send and tokens for it. */
  readonly #ready = new Set<RateNode>();
  /** Bytes received from the parent, advanced over times without demand: the place in its queue. */
  #received = 0;
  /** What the child served last had received before: where a child that joins begins. */
  #served = 0;
  #serving = false;
  #granted = 0;
  #held = false;

  constructor(clock: Clock, parent: RateNode | undefined, bytesPerSecond: number | undefined) {
    this.#clock = clock;
    this.#parent = parent;
    this.#line = [this, ...(parent === undefined ? [] : parent.#line)];
    this.setRate(bytesPerSecond);
  }

  /** Changes the rate of a living node; whoever waits is served at the new one. */
  setRate(bytesPerSecond: number | undefined): void {
    const bytesPerMs = bytesPerSecond === undefined ? undefined : bytesPerSecond / 1000;
    const before = this.#bytesPerMs;
    if (bytesPerMs === before) return;
    if (before === undefined || bytesPerMs === undefined) {
      this.#tokens = (bytesPerMs ?? 0) * BURST_MS;
      this.#refilledMs = this.#clock.nowMs();
    } else {
      // Savings and debts stay the same in time: a change of the rate is neither a gift nor a stall.
      this.#refill(before);
      this.#tokens *= bytesPerMs / before;
    }
    this.#bytesPerMs = bytesPerMs;
    this.#update();
  }

  /** What has happened since the last call. */
  takeUse(): RateUse {
    const use = { bytes: this.#granted, held: this.#held };
    this.#granted = 0;
    this.#held = false;
    return use;
  }

  /** The smallest rate from here to the root in bytes per second; Infinity without limits. */
  lowestBytesPerSecond(): number {
    return Math.min(...this.#line.map((node) => (node.#bytesPerMs ?? Infinity) * 1000));
  }

  /**
   * Asks for `bytes`. Calls `onGranted` at once or later, in the order of requests of this node.
   * The result withdraws a request that has not been granted.
   */
  request(bytes: number, onGranted: () => void): () => void {
    if (this.#line.every((node) => node.#bytesPerMs === undefined)) {
      onGranted();
      return () => undefined;
    }
    const request = { bytes, onGranted };
    this.#pending = [...this.#pending, request];
    this.#update();
    return () => {
      this.#pending = this.#pending.filter((other) => other !== request);
      this.#update();
    };
  }

  /** Withdraws everything that waits here. */
  close(): void {
    this.#pending = [];
    this.#update();
  }

  /** Takes the place that demand and tokens give this node: idle, waiting for tokens, or ready. */
  #update(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const demand = this.#pending.length > 0 || this.#ready.size > 0;
    const delayMs = demand ? this.#delayMs() : 0;
    if (delayMs > 0) {
      this.#held = true;
      this.#cancelTimer = this.#clock.schedule(delayMs, () => {
        this.#cancelTimer = undefined;
        this.#update();
      });
    }
    const ready = demand && delayMs === 0;
    const parent = this.#parent;
    if (parent === undefined) {
      if (ready) this.#serve();
    } else if (ready !== parent.#ready.has(this)) {
      if (ready) {
        // Time spent without demand earns nothing.
        this.#received = Math.max(this.#received, parent.#served);
        parent.#ready.add(this);
      } else {
        parent.#ready.delete(this);
      }
      parent.#update();
    }
  }

  /** At the root: grants as long as somebody is ready. */
  #serve(): void {
    // A grant may ask for more at once; the loop that is under way sees to it.
    if (this.#serving) return;
    this.#serving = true;
    try {
      while ((this.#pending.length > 0 || this.#ready.size > 0) && this.#delayMs() === 0) {
        this.#next().#grantFirst();
      }
    } finally {
      this.#serving = false;
    }
  }

  /** The leaf whose turn it is; called on ready nodes only. */
  #next(): RateNode {
    if (this.#pending.length > 0) return this;
    let least: RateNode | undefined;
    for (const child of this.#ready) {
      if (least === undefined || child.#received < least.#received) least = child;
    }
    return least === undefined ? this : least.#next();
  }

  #grantFirst(): void {
    const [first, ...rest] = this.#pending;
    if (first === undefined) return;
    this.#pending = rest;
    for (const node of this.#line) {
      if (node.#bytesPerMs !== undefined) {
        node.#refill(node.#bytesPerMs);
        node.#tokens -= first.bytes;
        node.#granted += first.bytes;
      }
      if (node.#parent !== undefined) node.#parent.#served = node.#received;
      node.#received += first.bytes;
    }
    for (const node of this.#line) node.#update();
    first.onGranted();
  }

  /** Milliseconds until the bucket holds tokens again; 0 when it does. */
  #delayMs(): number {
    const rate = this.#bytesPerMs;
    if (rate === undefined) return 0;
    this.#refill(rate);
    // Whole milliseconds, at least one: timers are no finer, and rounding must not spin.
    return this.#tokens > 0 ? 0 : Math.max(1, Math.ceil(-this.#tokens / rate));
  }

  #refill(bytesPerMs: number): void {
    const now = this.#clock.nowMs();
    const gained = (now - this.#refilledMs) * bytesPerMs;
    this.#tokens = Math.min(bytesPerMs * BURST_MS, this.#tokens + gained);
    this.#refilledMs = now;
  }
}
