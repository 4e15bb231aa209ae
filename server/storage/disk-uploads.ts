/** Uploads to the local disk: atomic where they replace, in place where they append or resume. */
import fs, { constants } from "node:fs";
import { dirname } from "node:path";
import { DiskUpload, type UploadEnd } from "./disk-upload.ts";
import type { DiskCalls } from "./disk-calls.ts";
import { codeOf, storing } from "./errors.ts";
import { join, type DiskPlace } from "./disk-paths.ts";
import {
  keepPartial,
  openPartial,
  removeShown,
  renameCounted,
  syncFolder,
  takeName,
  takeNameNow,
} from "./disk-partials.ts";
import { DISK_USAGES } from "./disk-usage.ts";
import { StorageError, type WriteHandle, type WriteMode } from "./storage.ts";
import type { WriterLocks } from "./writer-locks.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK, O_NOFOLLOW, W_OK } = constants;

const NEW_FILE_MODE = 0o644;
type ReplacingMode = Extract<WriteMode, { readonly kind: "replace" }>;

/** Names that STOU tries: `name`, `name.1`, … */
const MOST_UNIQUE_NAMES = 1000;

/**
 * Opens an upload to `place`; the last name has been resolved if it was a link. The place passes to
 * the upload, which disposes it; when this throws it stays the caller's.
 */
export async function openUpload(
  calls: DiskCalls,
  locks: WriterLocks,
  place: DiskPlace,
  mode: WriteMode,
): Promise<WriteHandle> {
  switch (mode.kind) {
    case "replace":
      return openReplacing(calls, locks, place, mode);
    case "append":
      return openInPlace(calls, locks, place, undefined, true);
    case "resume":
      return openInPlace(calls, locks, place, mode.offset, mode.keepsRest ?? false);
    case "unique":
      return openUnique(calls, locks, place);
  }
}

/**
 * Writes beside the file and takes its place when complete. A new file may be seen earlier, or stay
 * when it breaks off.
 *
 * @param undo what else an abandoned upload takes back.
 */
async function openReplacing(
  calls: DiskCalls,
  locks: WriterLocks,
  place: DiskPlace,
  { keepsPartial = false, showsPartial = false }: Omit<ReplacingMode, "kind"> = {},
  undo?: () => Promise<void>,
): Promise<WriteHandle> {
  const existing = await statsOfReplaced(calls, place.path);
  using claim = new DisposableStack();
  claim.use(locks.claim(place.realPath));
  if (existing === undefined && showsPartial) {
    return await openShown(calls, place, claim, keepsPartial);
  }
  const partial = await openPartial(calls, place, existing?.mode ?? NEW_FILE_MODE);
  claim.use(place);
  const owned = claim.move();
  return new DiskUpload(
    calls,
    { ...partial, name: place.name, startOffset: 0, endBefore: 0 },
    {
      begin: () => Promise.resolve(),
      beginNow: () => undefined,
      commit: async () => {
        await renameCounted(calls, partial, place);
        await syncFolder(calls, place.folder, partial.device);
        return place.name;
      },
      abandon: async (hasBegun, rolledBack) => {
        if (existing === undefined && keepsPartial && hasBegun && !rolledBack) {
          await keepPartial(calls, partial, place);
          return;
        }
        await calls.unlink(partial.path);
        await undo?.();
      },
      release: () => owned.dispose(),
    },
  );
}

/** Reserves a free name with an empty file, then replaces that. */
async function openUnique(
  calls: DiskCalls,
  locks: WriterLocks,
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
      return await openReplacing(calls, locks, named, {}, () => calls.unlink(path));
    } catch (error) {
      await calls.unlink(path);
      throw error;
    }
  }
  throw new StorageError("exists");
}

/**
 * Writes into the file itself: what is there already is what the client wants to go on from. It
 * changes with the first byte and not before: a data connection that never opens, or brings
 * nothing, leaves it as it is.
 */
async function openInPlace(
  calls: DiskCalls,
  locks: WriterLocks,
  place: DiskPlace,
  offset: number | undefined,
  keepsRest: boolean,
): Promise<WriteHandle> {
  using claim = new DisposableStack();
  claim.use(locks.claim(place.realPath));
  const existing = await statsOfReplaced(calls, place.path);
  // Only an append may begin a file: there is nothing to resume in one that does not exist.
  if (existing === undefined && !offset) return await openBeginning(calls, place, claim);
  const descriptor = await storing(
    calls.open(place.path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, NEW_FILE_MODE),
  );
  try {
    const stats = await calls.fstat(descriptor);
    // It may have been replaced since it was looked at.
    if (!stats.isFile()) throw new StorageError("notARegularFile");
    const { size, dev } = stats;
    if (offset !== undefined && offset > size) throw new StorageError("offsetBeyondEnd");
    // What lies behind the restart offset belongs to the attempt that is repeated.
    const shortens = !keepsRest && offset !== undefined && offset < size;
    claim.use(place);
    const owned = claim.move();
    return new DiskUpload(
      calls,
      {
        name: place.name,
        descriptor,
        device: dev,
        startOffset: offset ?? size,
        endBefore: shortens ? offset : size,
      },
      {
        begin: () => (shortens ? calls.truncate(descriptor, offset) : Promise.resolve()),
        beginNow: () => {
          if (shortens) fs.ftruncateSync(descriptor, offset);
        },
        commit: () => Promise.resolve(place.name),
        abandon: () => Promise.resolve(),
        ...countedInPlace(calls, place, descriptor, size, () => owned.dispose()),
      },
    );
  } catch (error) {
    await calls.close(descriptor);
    throw error;
  }
}

/** An append that begins a file: it takes its name with the first byte. */
async function openBeginning(
  calls: DiskCalls,
  place: DiskPlace,
  claim: DisposableStack,
): Promise<WriteHandle> {
  const partial = await openPartial(calls, place, NEW_FILE_MODE);
  claim.use(place);
  const owned = claim.move();
  return new DiskUpload(
    calls,
    { ...partial, name: place.name, startOffset: 0, endBefore: 0 },
    {
      begin: () => takeName(calls, partial.path, place.path),
      beginNow: () => takeNameNow(partial.path, place.path),
      commit: async (hasBegun) => {
        if (!hasBegun) await takeName(calls, partial.path, place.path);
        await syncFolder(calls, place.folder, partial.device);
        return place.name;
      },
      abandon: async (hasBegun) => {
        if (!hasBegun) await calls.unlink(partial.path);
      },
      ...countedInPlace(calls, place, partial.descriptor, 0, () => owned.dispose()),
    },
  );
}

/** A new file that has its name from the first byte on, and is gone again when it breaks off. */
async function openShown(
  calls: DiskCalls,
  place: DiskPlace,
  claim: DisposableStack,
  keepsPartial: boolean,
): Promise<WriteHandle> {
  const partial = await openPartial(calls, place, NEW_FILE_MODE);
  claim.use(place);
  const owned = claim.move();
  const count = async (): Promise<void> => {
    const { size = 0 } = (await calls.find(place.path)) ?? {};
    DISK_USAGES.changed(place.realPath, size);
  };
  return new DiskUpload(
    calls,
    { ...partial, name: place.name, startOffset: 0, endBefore: 0 },
    {
      begin: () => takeName(calls, partial.path, place.path),
      beginNow: () => takeNameNow(partial.path, place.path),
      commit: async (hasBegun) => {
        if (!hasBegun) await takeName(calls, partial.path, place.path);
        await syncFolder(calls, place.folder, partial.device);
        await count();
        return place.name;
      },
      abandon: async (hasBegun, rolledBack) => {
        if (!hasBegun) await calls.unlink(partial.path);
        else if (keepsPartial && !rolledBack) await count();
        else await removeShown(calls, partial, place);
      },
      release: () => owned.dispose(),
    },
  );
}

/** Tells, when the upload is over, what it changed in size. */
function countedInPlace(
  calls: DiskCalls,
  place: DiskPlace,
  descriptor: number,
  sizeBefore: number,
  release: () => void,
): Pick<UploadEnd, "closing" | "release"> {
  return {
    closing: async () => {
      if (!DISK_USAGES.counts(place.realPath)) return;
      const { size } = await calls.fstat(descriptor);
      DISK_USAGES.changed(place.realPath, size - sizeBefore);
    },
    release,
  };
}

/**
 * What the upload replaces; undefined when there is nothing. Of its mode, the permission bits.
 *
 * @throws StorageError when the place is taken by something that is not a regular file.
 */
async function statsOfReplaced(
  calls: DiskCalls,
  path: string,
): Promise<{ readonly mode: number } | undefined> {
  const stats = await storing(calls.find(path));
  if (stats === undefined) return undefined;
  if (stats.isDirectory()) throw new StorageError("isADirectory");
  if (!stats.isFile()) throw new StorageError("notARegularFile");
  // The folder's rights would let a file be replaced that its own rights protect.
  await storing(calls.access(path, W_OK));
  return { mode: stats.mode & 0o777 };
}
