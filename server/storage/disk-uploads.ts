/** Uploads to the local disk: atomic where they replace, in place where they append or resume. */
import { constants } from "node:fs";
import { dirname } from "node:path";
import type { DiskCalls } from "./disk-calls.ts";
import { codeOf, mapped, storing } from "./errors.ts";
import { join, type DiskPlace } from "./disk-paths.ts";
import { offerDescriptor } from "./local-devices.ts";
import { makePartialName } from "./partial-names.ts";
import { StorageError, type WriteHandle, type WriteMode } from "./storage.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK, O_NOFOLLOW, O_RDONLY, O_DIRECTORY, W_OK } =
  constants;

const NEW_FILE_MODE = 0o644;
/** Names that STOU tries: `name`, `name.1`, … */
const MOST_UNIQUE_NAMES = 1000;

/**
 * Files that are being written, by real path. One writer at a time: two uploads of one name would
 * otherwise be mixed, or the slower one would win.
 */
export class Writers {
  readonly #paths = new Set<string>();

  /** @throws StorageError `busy` when somebody else writes the file. */
  claim(path: string): Disposable {
    if (this.#paths.has(path)) throw new StorageError("busy");
    this.#paths.add(path);
    return { [Symbol.dispose]: () => void this.#paths.delete(path) };
  }
}

/**
 * Opens an upload to `place`; the last name has been resolved if it was a link. The place passes to
 * the upload, which disposes it; when this throws it stays the caller's.
 */
export async function openUpload(
  calls: DiskCalls,
  writers: Writers,
  place: DiskPlace,
  mode: WriteMode,
): Promise<WriteHandle> {
  switch (mode.kind) {
    case "replace":
      return openReplacing(calls, writers, place);
    case "append":
      return openInPlace(calls, writers, place, undefined);
    case "resume":
      return openInPlace(calls, writers, place, mode.offset);
    case "unique":
      return openUnique(calls, writers, place);
  }
}

/**
 * Writes beside the file and takes its place when complete.
 *
 * @param undo what else an abandoned upload takes back.
 */
async function openReplacing(
  calls: DiskCalls,
  writers: Writers,
  place: DiskPlace,
  undo?: () => Promise<void>,
): Promise<WriteHandle> {
  const fileMode = await modeOfReplaced(calls, place.path);
  using claim = new DisposableStack();
  claim.use(writers.claim(place.realPath));
  const partial = join(place.folder, makePartialName());
  const descriptor = await storing(
    calls.open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fileMode),
  );
  const { dev, mode } = await calls.fstat(descriptor);
  // The process' umask may have taken bits that the replaced file has.
  if ((mode & 0o777) !== fileMode) await storing(calls.chmod(partial, fileMode));
  claim.use(place);
  const owned = claim.move();
  return new DiskUpload(
    calls,
    { name: place.name, descriptor, device: dev, startOffset: 0 },
    {
      commit: async () => {
        await calls.rename(partial, place.path);
        await syncFolder(calls, place.folder);
        return place.name;
      },
      abandon: async () => {
        await calls.unlink(partial);
        await undo?.();
      },
      release: () => owned.dispose(),
    },
  );
}

/** Reserves a free name with an empty file, then replaces that. */
async function openUnique(
  calls: DiskCalls,
  writers: Writers,
  place: DiskPlace,
): Promise<WriteHandle> {
  for (let number = 0; number < MOST_UNIQUE_NAMES; number++) {
    const name = number === 0 ? place.name : `${place.name}.${String(number)}`;
    const path = join(place.folder, name);
    let reserved: number;
    try {
      reserved = await calls.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, NEW_FILE_MODE);
    } catch (error) {
      if (codeOf(error) === "EEXIST") continue;
      return storing(Promise.reject(error));
    }
    await calls.close(reserved);
    const named = { ...place, name, path, realPath: join(dirname(place.realPath), name) };
    try {
      return await openReplacing(calls, writers, named, () => calls.unlink(path));
    } catch (error) {
      await calls.unlink(path);
      throw error;
    }
  }
  throw new StorageError("exists");
}

/** Writes into the file itself: what is there already is what the client wants to go on from. */
async function openInPlace(
  calls: DiskCalls,
  writers: Writers,
  place: DiskPlace,
  offset: number | undefined,
): Promise<WriteHandle> {
  using claim = new DisposableStack();
  claim.use(writers.claim(place.realPath));
  await modeOfReplaced(calls, place.path);
  // Only an append may begin a file: there is nothing to resume in one that does not exist.
  const flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | (offset ? 0 : O_CREAT);
  const descriptor = await storing(calls.open(place.path, flags, NEW_FILE_MODE));
  try {
    const stats = await calls.fstat(descriptor);
    // It may have been replaced since it was looked at.
    if (!stats.isFile()) throw new StorageError("notARegularFile");
    const { size, dev } = stats;
    if (offset !== undefined && offset > size) throw new StorageError("offsetBeyondEnd");
    // What lies behind the restart offset belongs to the attempt that is repeated.
    if (offset !== undefined && offset < size) await calls.truncate(descriptor, offset);
    claim.use(place);
    const owned = claim.move();
    return new DiskUpload(
      calls,
      { name: place.name, descriptor, device: dev, startOffset: offset ?? size },
      {
        commit: async () => place.name,
        abandon: async () => undefined,
        release: () => owned.dispose(),
      },
    );
  } catch (error) {
    await calls.close(descriptor);
    throw error;
  }
}

/**
 * The permission bits that a replacing upload keeps.
 *
 * @throws StorageError when the place is taken by something that is not a regular file.
 */
async function modeOfReplaced(calls: DiskCalls, path: string): Promise<number> {
  let stats;
  try {
    stats = await calls.lstat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return NEW_FILE_MODE;
    return storing(Promise.reject(error));
  }
  if (stats.isDirectory()) throw new StorageError("isADirectory");
  if (!stats.isFile()) throw new StorageError("notARegularFile");
  // The folder's rights would let a file be replaced that its own rights protect.
  await storing(calls.access(path, W_OK));
  return stats.mode & 0o777;
}

/** The new name survives a power failure only when the folder is on the disk as well. */
async function syncFolder(calls: DiskCalls, folder: string): Promise<void> {
  let descriptor: number;
  try {
    descriptor = await calls.open(folder, O_RDONLY | O_DIRECTORY, 0);
  } catch (error) {
    // A folder that may be written but not read cannot be synchronised; the file was.
    if (codeOf(error) === "EACCES") return;
    throw error;
  }
  try {
    await calls.sync(descriptor);
  } finally {
    await calls.close(descriptor);
  }
}

interface UploadEnd {
  /** Makes the bytes, already on the disk, visible; the final name. */
  commit(): Promise<string>;
  abandon(): Promise<void>;
  release(): void;
}

interface UploadFile {
  readonly name: string;
  readonly descriptor: number;
  readonly device: number;
  readonly startOffset: number;
}

class DiskUpload implements WriteHandle {
  readonly name: string;
  readonly fileDescriptor: number | undefined;
  readonly startOffset: number;
  readonly #descriptor: number;
  readonly #calls: DiskCalls;
  readonly #end: UploadEnd;
  #position: number;
  #state: "open" | "committed" | "closed" = "open";

  constructor(
    calls: DiskCalls,
    { name, descriptor, device, startOffset }: UploadFile,
    end: UploadEnd,
  ) {
    this.name = name;
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.fileDescriptor = offerDescriptor(descriptor, device);
    this.startOffset = startOffset;
    this.#position = startOffset;
    this.#end = end;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await mapped(async () => {
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
      await this.#calls.syncContent(this.#descriptor);
      const name = await this.#end.commit();
      this.#state = "committed";
      return name;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return;
    const committed = this.#state === "committed";
    this.#state = "closed";
    try {
      await this.#calls.close(this.#descriptor);
      if (!committed) await storing(this.#end.abandon());
    } catch (error) {
      // What is to be cleared away may be gone, or something else by now: then nothing is left to do.
      if (!(error instanceof StorageError)) throw error;
    } finally {
      this.#end.release();
    }
  }
}
