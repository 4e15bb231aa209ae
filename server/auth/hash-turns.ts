/**
 * Who computes a password hash next. Each computation holds a thread and its memory for its whole
 * time, so few run at once; clients take turns, however many attempts one of them sends, so that
 * guessing from one address does not keep the others waiting.
 */

/** Thrown when a client's attempts, or all of them together, would wait for too long. */
export class TooManyHashesError extends Error {
  override readonly name = "TooManyHashesError";
}

export interface HashTurnLimits {
  readonly atOnce: number;
  /** Attempts that wait; beyond them the server refuses rather than answering minutes later. */
  readonly waiting: number;
  /** Of one client. */
  readonly waitingOfClient: number;
}

const LIMITS: HashTurnLimits = { atOnce: 2, waiting: 8000, waitingOfClient: 1000 };

/** Who waits. */
export interface HashClient {
  readonly client: string;
  readonly signal?: AbortSignal;
}

export class HashTurns {
  readonly #limits: HashTurnLimits;
  #computing = 0;
  #waiting = 0;
  /** By client, in the order in which they have their turns. */
  readonly #queues = new Map<string, (() => void)[]>();

  constructor(limits: HashTurnLimits = LIMITS) {
    this.#limits = limits;
  }

  /**
   * Computes when it is the client's turn, unless the client has left by then.
   *
   * @throws TooManyHashesError, or the signal's reason
   */
  async run<T>({ client, signal }: HashClient, compute: () => Promise<T>): Promise<T> {
    if (this.#computing >= this.#limits.atOnce) await this.#wait(client);
    else this.#computing++;
    try {
      signal?.throwIfAborted();
      return await compute();
    } finally {
      // The turn passes directly to the next one, so the bound is never exceeded.
      const next = this.#next();
      if (next === undefined) this.#computing--;
      else next();
    }
  }

  #wait(client: string): Promise<void> {
    const queue = this.#queues.get(client) ?? [];
    const { waiting, waitingOfClient } = this.#limits;
    if (this.#waiting >= waiting || queue.length >= waitingOfClient) throw new TooManyHashesError();
    this.#queues.set(client, queue);
    this.#waiting++;
    return new Promise((resolve) => queue.push(resolve));
  }

  #next(): (() => void) | undefined {
    const [first] = this.#queues;
    if (first === undefined) return undefined;
    const [client, queue] = first;
    const next = queue.shift();
    // To the end of the line, or out of it.
    this.#queues.delete(client);
    if (queue.length > 0) this.#queues.set(client, queue);
    this.#waiting--;
    return next;
  }
}
