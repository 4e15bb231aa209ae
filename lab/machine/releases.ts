/** Unpacks delivered archives into release folders, once for each content. */
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { PassThrough, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import tar from "tar-stream";
import { DeliveryRefused, type Delivery } from "./delivery.ts";

/**
 * Unpacks runtime and server of a delivery into one folder and returns it. The folder appears
 * whole or not at all; one that is there already is taken as it is.
 */
export async function unpackRelease(releases: string, delivery: Delivery): Promise<string> {
  const { serverSha256, runtimeSha256 } = delivery;
  const release = join(releases, `${serverSha256.slice(0, 16)}-${runtimeSha256.slice(0, 16)}`);
  if (await exists(release)) return release;
  const unfinished = join(releases, `.${randomUUID()}`);
  try {
    await mkdir(unfinished, { recursive: true });
    await unpack(delivery.runtimeArchive, unfinished);
    await unpack(delivery.serverArchive, unfinished);
    await rename(unfinished, release);
  } catch (error) {
    // Another delivery of the same content was faster; its folder is as good.
    if (!(await exists(release))) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return release;
}

async function unpack(archive: string, folder: string): Promise<void> {
  const extract = tar.extract();
  const reading = pipeline(createReadStream(archive), await decompressor(archive), extract);
  const writing = (async () => {
    for await (const entry of extract) {
      const { name, type, mode } = entry.header;
      const target = resolve(folder, name);
      if (relative(folder, target).startsWith("..")) {
        throw new DeliveryRefused(`The archive names a file outside its folder: ${name}`);
      }
      if (type === "file") {
        await mkdir(dirname(target), { recursive: true });
        await pipeline(entry, createWriteStream(target, { mode: mode ?? 0o644 }));
      } else {
        entry.resume();
      }
    }
  })();
  await Promise.all([reading, writing]);
}

const GZIP_MAGIC = 0x1f8b;
const ZSTD_MAGIC = 0x28b5;

/** By the first two bytes, as `tar` itself does. */
async function decompressor(archive: string): Promise<Duplex> {
  await using file = await open(archive);
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
  const magic = buffer.readUInt16BE(0);
  if (magic === GZIP_MAGIC) return createGunzip();
  return magic === ZSTD_MAGIC ? createZstdDecompress() : new PassThrough();
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
