/** The order in which passive ports are handed out. */
import { randomInt } from "node:crypto";

const NONE: ReadonlySet<number> = new Set();

/**
 * A queue of ports in random order; a port that was taken goes back to a random place in the rear
 * half. Random, so that nobody can tell the next port from the last one (RFC 2577, 8); in the rear,
 * so that a late connection meant for one transfer does not reach the next.
 */
export class PortCycle {
  readonly #queue: number[];

  /** @param early those of the ports that come before all others. */
  constructor(ports: readonly number[], early: ReadonlySet<number> = NONE) {
    this.#queue = [
      ...shuffle(ports.filter((port) => early.has(port))),
      ...shuffle(ports.filter((port) => !early.has(port))),
    ];
  }

  get size(): number {
    return this.#queue.length;
  }

  /** The next port that fits; undefined when none of them does. */
  take(fits: (port: number) => boolean): number | undefined {
    const index = this.#queue.findIndex(fits);
    const port = this.#queue[index];
    if (port === undefined) return undefined;
    this.#queue.splice(index, 1);
    this.add(port);
    return port;
  }

  /** Puts a port to a random place in the rear half. */
  add(port: number): void {
    const middle = Math.ceil(this.#queue.length / 2);
    this.#queue.splice(randomInt(middle, this.#queue.length + 1), 0, port);
  }

  remove(port: number): void {
    const index = this.#queue.indexOf(port);
    if (index >= 0) this.#queue.splice(index, 1);
  }
}

/** Fisher-Yates with unpredictable numbers. */
function shuffle(ports: readonly number[]): number[] {
  const shuffled = [...ports];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    const moved = shuffled[last] ?? 0;
    shuffled[last] = shuffled[other] ?? 0;
    shuffled[other] = moved;
  }
  return shuffled;
}
