/** Setting modification times, truthfully: what the file system cannot hold is refused. */
import { reply } from "../protocol/replies.ts";
import type { Storage } from "../storage/storage.ts";

/** Some file systems keep every other second only. */
const COARSEST_MILLISECONDS = 2000;

export const NOT_KEPT = reply.syntaxError("The file system cannot hold that time.");

/**
 * Sets the time and looks at what was kept: systems cut times that they cannot hold, silently. Then
 * the former time returns.
 *
 * @returns false when the time was not kept.
 * @throws StorageError
 */
export async function changeModified(
  storage: Storage,
  path: string,
  modifiedMs: number,
): Promise<boolean> {
  const before = await storage.entry(path);
  await storage.setModified(path, modifiedMs);
  const after = await storage.entry(path);
  if (Math.abs(after.modifiedMs - modifiedMs) < COARSEST_MILLISECONDS) return true;
  await storage.setModified(path, before.modifiedMs);
  return false;
}
