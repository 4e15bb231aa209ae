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

  /** For one buffer at a time, that is given back in any case. */
  borrow(): BorrowedBuffer {
    return new BorrowedBuffer(this);
  }

  /** Gives a buffer back. Nothing may read or write it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < MOST_FREE) this.#free.push(buffer);
  }
}

/** One buffer of a pool at a time. */
class BorrowedBuffer implements Disposable {
  readonly #pool: BufferPool;
  #bytes: Buffer | undefined;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** The same buffer until it is given back. */
  take(): Buffer {
    return (this.#bytes ??= this.#pool.take());
  }

  /** Nothing may read or write the buffer any more. */
  giveBack(): void {
    if (this.#bytes !== undefined) this.#pool.give(this.#bytes);
    this.#bytes = undefined;
  }

  [Symbol.dispose](): void {
    this.giveBack();
  }
}
