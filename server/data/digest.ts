/** Hashes of files, read in chunks that take their turn among all transfers of the process. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { HashName } from "../protocol/hashes.ts";
import { StorageError, type ReadHandle } from "../storage/storage.ts";
import { BufferPool } from "./buffer-pool.ts";
import { openSource } from "./file-source.ts";
import { CHUNK_BYTES, transferQuantum } from "./turn-quantum.ts";

interface Digest {
  update(chunk: Uint8Array): void;
  /** In lower-case hexadecimal digits. */
  finish(): string;
}

const CRYPTOGRAPHIC = {
  "SHA-256": "sha256",
  "SHA-512": "sha512",
  "SHA-1": "sha1",
  MD5: "md5",
} as const satisfies Record<Exclude<HashName, "CRC32">, string>;

function openDigest(hash: HashName): Digest {
  if (hash !== "CRC32") {
    const state = createHash(CRYPTOGRAPHIC[hash]);
    return { update: (chunk) => void state.update(chunk), finish: () => state.digest("hex") };
  }
  let value = 0;
  return {
    update: (chunk) => void (value = crc32(chunk, value)),
    finish: () => value.toString(16).padStart(8, "0"),
  };
}

/** Bytes of a file, from `start` up to but without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const buffers = new BufferPool(CHUNK_BYTES);

/**
 * The hash of a part of a file, in lower-case hexadecimal digits. The handle stays the caller's.
 *
 * @param range lies within the file
 * @throws StorageError: `busy` when the file has become shorter meanwhile; the signal's reason
 */
export async function digestRange(
  handle: ReadHandle,
  hash: HashName,
  { start, end }: ByteRange,
  signal: AbortSignal,
  onBytes?: (count: number) => void,
): Promise<string> {
  using borrowed = buffers.borrow();
  const buffer = borrowed.take();
  const source = openSource(handle);
  const digest = openDigest(hash);
  for (let position = start; position < end;) {
    await transferQuantum.ready();
    signal.throwIfAborted();
    const wanted = Math.min(buffer.length, end - position);
    const reading = source(buffer.subarray(0, wanted), position);
    if (typeof reading !== "number") transferQuantum.spend();
    const count = await reading;
    if (count === 0) throw new StorageError("busy", { reason: "shortened while it was hashed" });
    digest.update(buffer.subarray(0, count));
    transferQuantum.spend();
    onBytes?.(count);
    position += count;
  }
  return digest.finish();
}
