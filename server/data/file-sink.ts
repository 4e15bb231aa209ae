/** Where an upload's bytes go: a local file written on the spot, or any storage. */
import { writev, writevSync } from "node:fs";
import type { SystemCalls } from "../native/system-calls.ts";
import type { WriteHandle } from "../storage/storage.ts";
import { toStorageError } from "../storage/errors.ts";
import { DiskPace } from "./disk-pace.ts";

/** Takes an upload's bytes in order: the next call comes after the former has settled. */
export interface FileSink {
  /**
   * Appends chunks, which must not change until then. Undefined when no waiting was needed. Throws
   * and rejects with StorageErrors.
   */
  write(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * Appends what has arrived at a plain connection, of which nobody reads meanwhile, without having
   * it pass through this process. Bytes taken; 0: it is to be read in the usual way. Absent where
   * that cannot be. Throws and rejects with StorageErrors.
   *
   * @param descriptor of the connection
   */
  takeArrived?(descriptor: number): number | Promise<number>;
}

/** Bytes that are taken at once: what the pipe holds, less than half a millisecond. */
const MOST_BYTES = 1024 * 1024;
/** Less is read and written just as fast. */
const LEAST_BYTES = 64 * 1024;

const processPace = new DiskPace();

/** Chooses by what the handle offers; everything falls back on its `write`. */
export function openSink(
  handle: WriteHandle,
  pace: DiskPace = processPace,
  calls?: SystemCalls,
): FileSink {
  const { fileDescriptor } = handle;
  if (fileDescriptor === undefined) return { write: (chunks) => writeEach(handle, chunks) };
  return new DescriptorSink(fileDescriptor, handle, pace, calls);
}

async function writeEach(handle: WriteHandle, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) await handle.write(chunk);
}

class DescriptorSink implements FileSink {
  readonly #descriptor: number;
  readonly #handle: WriteHandle;
  readonly #pace: DiskPace;
  #calls: SystemCalls | undefined;
  #position: number;

  constructor(
    descriptor: number,
    handle: WriteHandle,
    pace: DiskPace,
    calls: SystemCalls | undefined,
  ) {
    this.#descriptor = descriptor;
    this.#handle = handle;
    this.#pace = pace;
    this.#calls = calls;
    this.#position = handle.startOffset;
  }

  write(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    this.#handle.reserve?.(countBytes(chunks));
    return this.#append(chunks);
  }

  takeArrived(connection: number): number | Promise<number> {
    const calls = this.#calls;
    if (calls === undefined || !this.#pace.isFast) return 0;
    const bytes = Math.min(calls.arrivedBytes(connection), MOST_BYTES);
    if (bytes < LEAST_BYTES) return 0;
    this.#handle.reserve?.(bytes);
    const result = this.#pace.measure(() =>
      calls.receiveFile(connection, this.#descriptor, this.#position, bytes),
    );
    const moved = "bytes" in result ? result.bytes : 0;
    const rest = result.kind === "refused" ? [result.rest] : [];
    const taken = moved + countBytes(rest);
    this.#position += moved;
    if (taken < bytes) this.#handle.reserve?.(taken - bytes);
    // The usual way does it from now on, or tells what is wrong.
    if (result.kind !== "moved") this.#calls = undefined;
    const writing = this.#append(rest);
    return writing === undefined ? taken : writing.then(() => taken);
  }

  #append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    let rest = chunks;
    while (rest.length > 0) {
      if (!this.#pace.isFast) return this.#appendRest(rest);
      rest = after(rest, this.#writeNow(rest));
    }
    return undefined;
  }

  #writeNow(chunks: readonly Uint8Array[]): number {
    try {
      const written = this.#pace.measure(() =>
        writevSync(this.#descriptor, chunks, this.#position),
      );
      this.#position += written;
      return written;
    } catch (error) {
      throw toStorageError(error);
    }
  }

  async #appendRest(chunks: readonly Uint8Array[]): Promise<void> {
    let rest = chunks;
    while (rest.length > 0) {
      const written = await writeAsynchronously(this.#descriptor, rest, this.#position);
      this.#position += written;
      rest = after(rest, written);
    }
  }
}

function countBytes(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

function writeAsynchronously(
  descriptor: number,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(descriptor, chunks, position, (error, written) => {
      if (error === null) resolve(written);
      else reject(toStorageError(error));
    });
  });
}

/** What is left of `chunks` when their first `written` bytes are written. */
function after(chunks: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let skipped = written;
  for (const [index, chunk] of chunks.entries()) {
    if (skipped < chunk.length) return [chunk.subarray(skipped), ...chunks.slice(index + 1)];
    skipped -= chunk.length;
  }
  return [];
}
