/** Fairness among transfers: how much of them one turn of the event loop carries. */

/**
 * A budget of bytes for each turn, shared by all transfers of the process. Disk and socket often
 * answer at once, so a transfer would run on and on within one turn, and every other session would
 * wait for its end.
 */
export class TurnQuantum {
  readonly #bytesPerTurn: number;
  readonly #chunkBytes: number;
  readonly #queue: (() => void)[] = [];
  #left: number;
  #armed = false;

  /** @param chunkBytes how much one grant is likely to move. */
  constructor(bytesPerTurn: number, chunkBytes: number) {
    this.#bytesPerTurn = bytesPerTurn;
    this.#chunkBytes = chunkBytes;
    this.#left = bytesPerTurn;
  }

  /** Counts bytes that were moved in this turn. */
  spend(bytes: number): void {
    this.#left -= bytes;
    this.#arm();
  }

  /** Undefined: go on in this turn; else resolves in the turn that has room, first come first. */
  ready(): Promise<void> | undefined {
    if (this.#left > 0 && this.#queue.length === 0) return undefined;
    this.#arm();
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(this.#beginTurn);
  }

  readonly #beginTurn = (): void => {
    this.#armed = false;
    this.#left = this.#bytesPerTurn;
    const room = Math.max(1, Math.floor(this.#bytesPerTurn / this.#chunkBytes));
    for (const resume of this.#queue.splice(0, room)) resume();
    if (this.#queue.length > 0) this.#arm();
  };
}

/** Bytes that a transfer moves at once. */
export const CHUNK_BYTES = 256 * 1024;

/** About a quarter of a millisecond of work: what another session's command waits for at most. */
export const transferQuantum = new TurnQuantum(2 * CHUNK_BYTES, CHUNK_BYTES);
