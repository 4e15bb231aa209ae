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

  /** Takes a buffer that is given back when it is disposed. */
  borrow(): BorrowedBuffer {
    return new BorrowedBuffer(this);
  }

  /** Gives a buffer back. Nothing may read or write it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < MOST_FREE) this.#free.push(buffer);
  }
}

/** Nothing may read or write it any more when it is disposed or given back. */
class BorrowedBuffer implements Disposable {
  readonly bytes: Buffer;
  readonly #pool: BufferPool;
  #isBorrowed = true;

  constructor(pool: BufferPool) {
    this.#pool = pool;
    this.bytes = pool.take();
  }

  /** Before it is disposed. */
  giveBack(): void {
    if (this.#isBorrowed) this.#pool.give(this.bytes);
    this.#isBorrowed = false;
  }

  [Symbol.dispose](): void {
    this.giveBack();
  }
}
