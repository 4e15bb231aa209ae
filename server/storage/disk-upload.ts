/** One open upload to the local disk; what begins and ends it differs by its kind. */
import type { DiskCalls } from "./disk-calls.ts";
import { mapped, storing, toStorageError } from "./errors.ts";
import { isInMemory, offerDescriptor } from "./local-devices.ts";
import { StorageError, type WriteHandle } from "./storage.ts";

/** What an upload does to the file at its turning points. */
export interface UploadEnd {
  /** The first byte is about to be written: through the pool where the disk is slow, … */
  begin(): Promise<void>;
  /** … or at once, for those who write to the descriptor of a local file. */
  beginNow(): void;
  /** Makes the bytes, already on the disk, visible; the final name. */
  commit(hasBegun: boolean): Promise<string>;
  /** @param rolledBack what was written has been taken back. */
  abandon(hasBegun: boolean, rolledBack: boolean): Promise<void>;
  /** The descriptor is about to be closed. */
  closing?(): Promise<void>;
  release(): void;
}

export interface UploadFile {
  readonly name: string;
  readonly descriptor: number;
  readonly device: number;
  readonly startOffset: number;
  /** Where the file ends when what the upload has written is taken back. */
  readonly endBefore: number;
}

export class DiskUpload implements WriteHandle {
  readonly name: string;
  readonly fileDescriptor: number | undefined;
  readonly startOffset: number;
  readonly #descriptor: number;
  readonly #device: number;
  readonly #calls: DiskCalls;
  readonly #end: UploadEnd;
  readonly #endBefore: number;
  #position: number;
  #hasBegun = false;
  #rolledBack = false;
  #state: "open" | "committed" | "closed" = "open";

  constructor(
    calls: DiskCalls,
    { name, descriptor, device, startOffset, endBefore }: UploadFile,
    end: UploadEnd,
  ) {
    this.name = name;
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.#device = device;
    this.fileDescriptor = offerDescriptor(descriptor, device);
    this.startOffset = startOffset;
    this.#position = startOffset;
    this.#endBefore = endBefore;
    this.#end = end;
  }

  reserve(bytes: number): void {
    if (this.#hasBegun || bytes === 0) return;
    try {
      this.#end.beginNow();
      this.#hasBegun = true;
    } catch (error) {
      throw toStorageError(error);
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    await mapped(async () => {
      if (!this.#hasBegun && chunk.length > 0) {
        await this.#end.begin();
        this.#hasBegun = true;
      }
      for (let written = 0; written < chunk.length;) {
        const rest = written === 0 ? chunk : chunk.subarray(written);
        const bytes = await this.#calls.write(this.#descriptor, rest, this.#position);
        written += bytes;
        this.#position += bytes;
      }
    });
  }

  async commit(): Promise<string> {
    return mapped(async () => {
      if (!isInMemory(this.#device)) await this.#calls.syncContent(this.#descriptor);
      const name = await this.#end.commit(this.#hasBegun);
      this.#state = "committed";
      return name;
    });
  }

  async rollBack(): Promise<void> {
    if (!this.#hasBegun) return;
    this.#rolledBack = true;
    await storing(this.#calls.truncate(this.#descriptor, this.#endBefore));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return;
    const committed = this.#state === "committed";
    this.#state = "closed";
    try {
      await this.#end.closing?.();
      await this.#calls.close(this.#descriptor);
      if (!committed) await storing(this.#end.abandon(this.#hasBegun, this.#rolledBack));
    } catch (error) {
      // What is to be cleared away may be gone, or something else by now: then nothing is left to do.
      if (!(error instanceof StorageError)) throw error;
    } finally {
      this.#end.release();
    }
  }
}
