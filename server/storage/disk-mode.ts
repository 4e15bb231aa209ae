/** Changing the permission bits of what lies at a place, and of nothing else. */
import { constants } from "node:fs";
import { O_PATH, type DiskCalls } from "./disk-calls.ts";
import { descriptorPath } from "./disk-paths.ts";
import { StorageError } from "./storage.ts";

/**
 * chmod(2) follows links, and one may take the place of what was looked at: so the place is held by
 * a descriptor and changed through it. Where there is no /proc, that gap stays.
 *
 * @param path for the file system, no link @throws StorageError `denied` when it is one by now; an
 * error of the file system
 */
export async function changeMode(calls: DiskCalls, path: string, mode: number): Promise<void> {
  const held = await calls.open(path, O_PATH | constants.O_NOFOLLOW, 0);
  try {
    if ((await calls.fstat(held)).isSymbolicLink()) throw new StorageError("denied");
    await calls.chmod(descriptorPath(held) ?? path, mode);
  } finally {
    await calls.close(held);
  }
}
