/**
 * How much fits and how much is there: AVBL, DSIZ (draft-peterson-streamlined-ftp-command-extensions),
 * SITE QUOTA.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { transferQuantum } from "../data/turn-quantum.ts";
import { joinPath } from "../protocol/paths.ts";
import { reply } from "../protocol/replies.ts";
import { StorageError, type Storage } from "../storage/storage.ts";
import { nothing, optionalPath } from "./arguments.ts";
import { answer, loggedIn, type Command } from "./command.ts";

const available = loggedIn(
  "AVBL",
  optionalPath,
  { right: "list", keeps: ["restart"], features: () => ["AVBL"] },
  async ({ principal: { storage }, state }, path = state.folder) => {
    const entry = await storage.entry(path);
    if (entry.kind !== "directory") throw new StorageError("notADirectory");
    const free = await storage.freeBytes(path);
    return answer(
      free === undefined
        ? reply.fileUnavailable("The free space is not known.")
        : reply.fileStatus(String(free)),
    );
  },
);

/** More than this takes too long to be worth it, and too much memory for one session. */
const MOST_ENTRIES = 1_000_000;

/**
 * Bytes of all files below a folder, as far as the account may list it; undefined when there are
 * too many entries. A folder that several links lead to counts once.
 *
 * @param onEntries adds to the entries so far, and returns them.
 * @throws StorageError when the folder itself cannot be listed
 */
async function measureFolder(
  storage: Storage,
  root: string,
  signal: AbortSignal,
  onEntries: (count: number) => number,
): Promise<number | undefined> {
  using _turns = transferQuantum.needTurns();
  const seen = new Set([(await storage.entry(root)).unique]);
  const waiting = [root];
  let bytes = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    // A fast disk answers at once: other sessions have their turn all the same.
    await nextTurn(undefined, { signal });
    try {
      for await (const batch of storage.list(folder)) {
        await nextTurn(undefined, { signal });
        if (onEntries(batch.length) > MOST_ENTRIES) return undefined;
        for (const { kind, name, sizeBytes, unique } of batch) {
          if (kind === "file") bytes += sizeBytes;
          if (kind !== "directory" || seen.has(unique)) continue;
          seen.add(unique);
          waiting.push(joinPath(folder, name));
        }
      }
    } catch (error) {
      // What was removed meanwhile or is not for this account does not count.
      if (!(error instanceof StorageError) || folder === root) throw error;
    }
  }
  return bytes;
}

const folderSize = loggedIn(
  "DSIZ",
  optionalPath,
  { right: "list", keeps: ["restart"], features: () => ["DSIZ"] },
  ({ principal: { storage }, state }, path = state.folder) => {
    let entries = 0;
    return {
      kind: "calculation",
      code: reply.fileStatus("").code,
      title: `Adding up ${path}`,
      progress: () => `${String(entries)} entries`,
      run: async (signal) => {
        const onEntries = (count: number): number => (entries += count);
        const bytes = await measureFolder(storage, path, signal, onEntries);
        return bytes === undefined
          ? reply.fileUnavailable("There are too many entries to count.")
          : reply.fileStatus(String(bytes));
      },
    };
  },
);

/** As ProFTPD has it, for people; programs use AVBL. */
export const quota = loggedIn(
  "SITE QUOTA",
  nothing,
  { keeps: ["restart"] },
  async ({ principal: { account, storage } }) => {
    const { uploads } = storage;
    const limits = await uploads.quota();
    const lines: string[] = [];
    if (limits !== undefined) {
      const { usedBytes, storageBytes } = limits;
      const left = Math.max(0, storageBytes - usedBytes);
      lines.push(` Stored: ${String(usedBytes)} of ${String(storageBytes)} bytes.`);
      lines.push(` Left: ${String(left)} bytes.`);
    }
    const { largestBytes } = uploads;
    if (largestBytes !== undefined) lines.push(` Largest file: ${String(largestBytes)} bytes.`);
    return answer(
      lines.length === 0
        ? reply.ok("Nothing but the space on the disk limits what you may store.")
        : reply.ok(`Quota of ${account.name}`, ...lines, "End of quota"),
    );
  },
);

export const SPACE_COMMANDS: readonly Command[] = [available, folderSize];
