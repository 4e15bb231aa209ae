/** Threads on which large downloads are sent beside the event loop. */
import { availableParallelism } from "node:os";

/** No command has been run for this long: nobody waits for a processor but the transfers. */
const QUIET_MS = 100;
/** After this a transfer goes on in the event loop. */
const PATIENCE_MS = 50;
/** More than one on a processor: while one waits for its client, another sends. */
const THREADS_PER_PROCESSOR = 4;
const MOST_THREADS = 32;
/** What libuv has without being told, left to everything else: files, hashes, names. */
const OTHER_THREADS = 4;

export interface SendThreadsOptions {
  readonly processors: number;
  readonly nowMs?: () => number;
}

/**
 * Lets a few transfers at a time use a thread of libuv's pool. The event loop stays free, and all
 * processors send. While other sessions have their commands run there is one thread for each
 * processor only, since their replies, too, wait for a processor.
 */
export class SendThreads {
  readonly #processors: number;
  readonly #nowMs: () => number;
  readonly #waiting: ((free: boolean) => void)[] = [];
  readonly #makeRoom = new Set<() => void>();
  #processes = 1;
  #taken = 0;
  #disturbedMs = -Infinity;

  constructor({ processors, nowMs = () => performance.now() }: SendThreadsOptions) {
    this.#processors = processors;
    this.#nowMs = nowMs;
  }

  /** Tells how many worker processes share the processors. */
  shareWith(processes: number): void {
    this.#processes = processes;
  }

  /** Threads that libuv's pool needs, for these and for everything else. */
  get poolThreads(): number {
    return OTHER_THREADS + this.#quietThreads;
  }

  /** Nobody has a thread or waits for one. */
  get isUnused(): boolean {
    return this.#taken === 0 && this.#waiting.length === 0;
  }

  /** A command is run: the transfers make room. */
  disturb(): void {
    this.#disturbedMs = this.#nowMs();
  }

  /** No command has been run for a while. */
  get isQuiet(): boolean {
    return this.#nowMs() - this.#disturbedMs >= QUIET_MS;
  }

  /** Waits for a thread, first come first; false when none came free in time. */
  async take(): Promise<boolean> {
    if (this.#waiting.length === 0 && this.#taken < this.#most) {
      this.#taken++;
      return true;
    }
    return new Promise((resolve) => {
      const answer = (free: boolean): void => {
        clearTimeout(timer);
        resolve(free);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(answer), 1);
        resolve(false);
      }, PATIENCE_MS);
      this.#waiting.push(answer);
      for (const makeRoom of this.#makeRoom) makeRoom();
    });
  }

  /** Calls when somebody begins to wait for a thread, until disposed. */
  onWaiting(makeRoom: () => void): Disposable {
    this.#makeRoom.add(makeRoom);
    return { [Symbol.dispose]: () => void this.#makeRoom.delete(makeRoom) };
  }

  /** Gives a thread back that was taken. */
  give(): void {
    this.#taken--;
    while (this.#taken < this.#most) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#taken++;
      next(true);
    }
  }

  get #most(): number {
    return this.isQuiet ? this.#quietThreads : this.#perProcess(this.#processors);
  }

  get #quietThreads(): number {
    return this.#perProcess(Math.min(MOST_THREADS, THREADS_PER_PROCESSOR * this.#processors));
  }

  #perProcess(threads: number): number {
    return Math.max(1, Math.floor(threads / this.#processes));
  }
}

export const sendThreads = new SendThreads({ processors: availableParallelism() });
