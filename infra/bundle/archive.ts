/**
 * Archives whose bytes depend on nothing but their content: entries in a fixed order, with fixed
 * owner and time, compressed by one thread. The same input gives the same SHA-256 anywhere.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import tar from "tar-stream";

/** One file of an archive: its text, or the file on disk that it is copied from. */
export type ArchiveEntry = {
  /** Path inside the archive. */
  readonly path: string;
  readonly executable: boolean;
} & ({ readonly text: string } | { readonly file: string });

/** A finished archive: its SHA-256 in hexadecimal and its size. */
export interface Archive {
  /** Name of the file in its folder; holds the SHA-256. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** tar(1) warns about files of 1970, so the time that every entry bears is a later one. */
const ENTRY_TIME = new Date("2000-01-01T00:00:00Z");
/** Level 3 packs Node's 120 MB in under a second; 19 would save a fifth and take a minute. */
const COMPRESSION_LEVEL = 3;

/**
 * Writes `NAME-SHA256.tar.zst` into `folder`. The file appears whole or not at all, so that
 * several runs can write the same archive at once.
 */
export async function writeArchive(
  folder: string,
  name: string,
  entries: readonly ArchiveEntry[],
): Promise<Archive> {
  await mkdir(folder, { recursive: true });
  const unfinished = join(folder, `.${name}-${randomUUID()}.unfinished`);
  const hash = createHash("sha256");
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const pack = tar.pack();
  const compress = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL },
  });
  try {
    await Promise.all([
      pipeline(pack, compress, measure, createWriteStream(unfinished)),
      fill(pack, entries),
    ]);
    const sha256 = hash.digest("hex");
    const finished = `${name}-${sha256}.tar.zst`;
    await rename(unfinished, join(folder, finished));
    return { name: finished, sha256, bytes };
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function fill(pack: tar.Pack, entries: readonly ArchiveEntry[]): Promise<void> {
  try {
    for (const entry of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
      const header = {
        name: entry.path,
        mode: entry.executable ? 0o755 : 0o644,
        mtime: ENTRY_TIME,
        uid: 0,
        gid: 0,
        type: "file" as const,
      };
      if ("text" in entry) {
        pack.entry(header, entry.text);
      } else {
        const { size } = await stat(entry.file);
        await pipeline(createReadStream(entry.file), pack.entry({ ...header, size }));
      }
    }
    pack.finalize();
  } catch (error) {
    pack.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}
