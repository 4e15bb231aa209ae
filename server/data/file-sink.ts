/** Where an upload's bytes go: a local file written on the spot, or any storage. */
import { writev, writevSync } from "node:fs";
import type { WriteHandle } from "../storage/storage.ts";
import { toStorageError } from "../storage/errors.ts";
import { DiskPace } from "./disk-pace.ts";

/**
 * Appends chunks in order; the next call comes after the former has settled, and until then the
 * chunks must not change. Undefined when no waiting was needed. Throws and rejects with
 * StorageErrors.
 */
export type FileSink = (chunks: readonly Uint8Array[]) => Promise<void> | undefined;

const processPace = new DiskPace();

/** Chooses by what the handle offers; everything falls back on its `write`. */
export function openSink(handle: WriteHandle, pace: DiskPace = processPace): FileSink {
  const { fileDescriptor } = handle;
  return fileDescriptor === undefined
    ? (chunks) => writeEach(handle, chunks)
    : writeDescriptor(fileDescriptor, handle, pace);
}

async function writeEach(handle: WriteHandle, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) await handle.write(chunk);
}

function writeDescriptor(descriptor: number, handle: WriteHandle, pace: DiskPace): FileSink {
  let position = handle.startOffset;
  return (chunks) => {
    handle.reserve?.(chunks.reduce((sum, { length }) => sum + length, 0));
    let rest = chunks;
    while (rest.length > 0) {
      if (!pace.isFast) return writeRest(rest);
      rest = after(rest, writeNow(rest));
    }
    return undefined;
  };

  function writeNow(chunks: readonly Uint8Array[]): number {
    try {
      const written = pace.measure(() => writevSync(descriptor, chunks, position));
      position += written;
      return written;
    } catch (error) {
      throw toStorageError(error);
    }
  }

  async function writeRest(chunks: readonly Uint8Array[]): Promise<void> {
    let rest = chunks;
    while (rest.length > 0) {
      const written = await writeAsynchronously(descriptor, rest, position);
      position += written;
      rest = after(rest, written);
    }
  }
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
