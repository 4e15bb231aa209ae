/** Where a download's bytes come from: a local file read on the spot, or any storage. */
import { read, readSync } from "node:fs";
import type { ReadHandle } from "../storage/storage.ts";
import { toStorageError } from "../storage/errors.ts";
import { DiskPace } from "./disk-pace.ts";

/**
 * Reads up to `buffer.length` bytes at `position`; 0 at the end. A number when no waiting was
 * needed. Throws and rejects with StorageErrors.
 */
export type FileSource = (buffer: Uint8Array, position: number) => number | Promise<number>;

const processPace = new DiskPace();

/** Chooses by what the handle offers; everything falls back on its `read`. */
export function openSource(handle: ReadHandle, pace: DiskPace = processPace): FileSource {
  const { fileDescriptor } = handle;
  return fileDescriptor === undefined
    ? (buffer, position) => handle.read(buffer, position)
    : readDescriptor(fileDescriptor, pace);
}

/**
 * Reads what needs no waiting; undefined where that cannot be known, and nothing was read then.
 *
 * @throws StorageError
 */
export function readNow(
  { fileDescriptor }: ReadHandle,
  buffer: Uint8Array,
  position: number,
  pace: DiskPace = processPace,
): number | undefined {
  return fileDescriptor === undefined || !pace.isFast
    ? undefined
    : readAtOnce(fileDescriptor, pace, buffer, position);
}

function readDescriptor(descriptor: number, pace: DiskPace): FileSource {
  return (buffer, position) =>
    pace.isFast
      ? readAtOnce(descriptor, pace, buffer, position)
      : readAsynchronously(descriptor, buffer, position);
}

function readAtOnce(
  descriptor: number,
  pace: DiskPace,
  buffer: Uint8Array,
  position: number,
): number {
  try {
    return pace.measure(() => readSync(descriptor, buffer, 0, buffer.length, position));
  } catch (error) {
    throw toStorageError(error);
  }
}

function readAsynchronously(
  descriptor: number,
  buffer: Uint8Array,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, buffer, 0, buffer.length, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(toStorageError(error));
    });
  });
}
