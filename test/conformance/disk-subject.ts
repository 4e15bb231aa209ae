/** A local disk in a folder of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { LocalDisk } from "../../server/storage/local-disk.ts";

export async function openDisk() {
  const folder = mkdtempSync(join(tmpdir(), "storage-"));
  const root = join(folder, "root");
  const storage = await LocalDisk.open(root);
  const dispose = async (): Promise<void> => rmSync(folder, { recursive: true });
  return { storage, root, folder, [Symbol.asyncDispose]: dispose };
}

/** Folders are held by descriptor where there is /proc. */
export const onLinux = test.skipIf(process.platform !== "linux");
