/** Buffers that transfers borrow, so that moving a gigabyte allocates a few of them, not thousands. */

/** Kept for the next borrower; more are left to the garbage collector. */
const MOST_FREE = 32;

export class BufferPool {
  readonly bufferBytes: number;
  readonly #free: Buffer[] = [];

  constructor(bufferBytes: number) {
    this.bufferBytes = bufferBytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes);
  }

  /** Gives a buffer back. Nothing may read or write it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < MOST_FREE) this.#free.push(buffer);
  }
}
