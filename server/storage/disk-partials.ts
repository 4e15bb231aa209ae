/**
 * The hidden files that receive the bytes of uploads which are not to be seen yet, and how they
 * take their names.
 */
import fs, { constants } from "node:fs";
import type { DiskCalls } from "./disk-calls.ts";
import type { UploadFile } from "./disk-upload.ts";
import { join, type DiskPlace } from "./disk-paths.ts";
import { DISK_USAGES } from "./disk-usage.ts";
import { codeOf, storing, toStorageError } from "./errors.ts";
import { isInMemory } from "./local-devices.ts";
import { makePartialName } from "./partial-names.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = constants;

export interface PartialFile extends Pick<UploadFile, "descriptor" | "device"> {
  readonly path: string;
  /** What tells it from another file of the same name. */
  readonly inode: number;
}

/** Makes the hidden file that receives the bytes of one that is not to be seen yet. */
export async function openPartial(
  calls: DiskCalls,
  { folder }: DiskPlace,
  fileMode: number,
): Promise<PartialFile> {
  const path = join(folder, makePartialName());
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  const descriptor = await storing(calls.open(path, flags, fileMode));
  try {
    const { dev, ino, mode } = await calls.fstat(descriptor);
    // The process' umask may have taken bits that the replaced file has.
    if ((mode & 0o777) !== fileMode) await calls.chmod(path, fileMode);
    return { path, descriptor, device: dev, inode: ino };
  } catch (error) {
    await calls.close(descriptor);
    await calls.unlink(path);
    throw toStorageError(error);
  }
}

/** Gives the partial file its name, and tells of what that changed in size. */
export async function renameCounted(
  calls: DiskCalls,
  { path, descriptor }: PartialFile,
  place: DiskPlace,
): Promise<void> {
  if (!DISK_USAGES.counts(place.realPath)) {
    await calls.rename(path, place.path);
    return;
  }
  const before = (await calls.find(place.path))?.size ?? 0;
  await calls.rename(path, place.path);
  DISK_USAGES.changed(place.realPath, (await calls.fstat(descriptor)).size - before);
}

/** Gives a file its name, which nobody must have taken: the claim is ours, but not for others. */
export async function takeName(calls: DiskCalls, from: string, to: string): Promise<void> {
  try {
    await calls.link(from, to);
    await calls.unlink(from);
  } catch (error) {
    if (!hasNoLinks(error)) throw error;
    await calls.rename(from, to);
  }
}

/** Leaves what an upload has brought under the name that it was to have, unless that is taken. */
export async function keepPartial(
  calls: DiskCalls,
  { path }: PartialFile,
  place: DiskPlace,
): Promise<void> {
  try {
    await takeName(calls, path, place.path);
  } catch {
    // Whoever has the name by now is right; what is left goes, as without the setting.
    await calls.unlink(path);
    return;
  }
  const kept = await calls.find(place.path);
  DISK_USAGES.changed(place.realPath, kept?.size ?? 0);
}

/** Removes a file that was seen while it was uploaded, if the name still is its own. */
export async function removeShown(
  calls: DiskCalls,
  { inode, device }: PartialFile,
  place: DiskPlace,
): Promise<void> {
  const stats = await calls.find(place.path);
  if (stats?.ino === inode && stats.dev === device) await calls.unlink(place.path);
}

export function takeNameNow(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
    fs.unlinkSync(from);
  } catch (error) {
    if (!hasNoLinks(error)) throw error;
    fs.renameSync(from, to);
  }
}

/** File systems such as FAT and some network shares have no second names for a file. */
function hasNoLinks(error: unknown): boolean {
  return ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "");
}

/** The new name survives a power failure only when the folder is on the disk as well. */
export async function syncFolder(calls: DiskCalls, folder: string, device: number): Promise<void> {
  if (isInMemory(device)) return;
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
