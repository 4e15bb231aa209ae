/** An upload to a part of a file (RANG with STOR): exactly the bytes of the range, nothing beside. */
import { StorageError, type WriteHandle } from "../storage/storage.ts";

export class RangedUpload implements WriteHandle {
  readonly #handle: WriteHandle;
  #missingBytes: number;

  /** @param lengthBytes of the range, which begins where the upload does; the handle passes to this one. */
  constructor(handle: WriteHandle, lengthBytes: number) {
    this.#handle = handle;
    this.#missingBytes = lengthBytes;
  }

  get name(): string {
    return this.#handle.name;
  }

  get startOffset(): number {
    return this.#handle.startOffset;
  }

  /** Whoever wrote to it directly would not stop at the end of the range. */
  get fileDescriptor(): undefined {
    return undefined;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const fitting = Math.min(chunk.length, this.#missingBytes);
    this.#missingBytes -= fitting;
    if (fitting > 0) await this.#handle.write(chunk.subarray(0, fitting));
    if (fitting < chunk.length) throw mismatch("more was sent than the range holds");
  }

  commit(): Promise<string> {
    return this.#missingBytes > 0
      ? Promise.reject(mismatch(`${String(this.#missingBytes)} bytes of the range are missing`))
      : this.#handle.commit();
  }

  async rollBack(): Promise<void> {
    await this.#handle.rollBack?.();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#handle[Symbol.asyncDispose]();
  }
}

function mismatch(reason: string): StorageError {
  return new StorageError("rangeMismatch", { reason });
}
