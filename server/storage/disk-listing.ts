/** Lists folders of any size in batches: memory is bounded by the batch, not by the folder. */
import fs from "node:fs";
import { promises } from "node:fs";
import { codeOf, toStorageError } from "./errors.ts";
import type { DiskPace } from "../data/disk-pace.ts";
import { isSafeName, join, type DiskPlace } from "./disk-paths.ts";
import { isAbandoned, isPartialName } from "./partial-names.ts";
import type { Entry } from "./storage.ts";

/** Entries per batch, and names that are read from the folder at a time. */
const BATCH = 256;
/** Facts that are asked for at the same time when the pool does it. */
const AT_ONCE = 16;

/** What the facts of an entry are made of. */
export function entryOf(name: string, stats: fs.Stats): Entry {
  return {
    name,
    kind: stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other",
    sizeBytes: stats.size,
    modifiedMs: Math.floor(stats.mtimeMs),
    mode: stats.mode & 0o777,
    unique: `${stats.dev.toString(36)}.${stats.ino.toString(36)}`,
  };
}

/**
 * Yields the entries of a folder. An entry that vanishes meanwhile is left out, and so is a name
 * that would forge a line of a listing. Uploads that a process left behind when it died are
 * removed on this occasion.
 */
export async function* listFolder(
  pace: DiskPace,
  place: DiskPlace,
  follow: (path: string) => Promise<fs.Stats | undefined>,
): AsyncGenerator<readonly Entry[]> {
  let directory: fs.Dir;
  try {
    directory = await promises.opendir(place.path, { bufferSize: BATCH });
  } catch (error) {
    throw toStorageError(error);
  }
  try {
    for (;;) {
      const names = await readNames(pace, directory);
      if (names.length === 0) return;
      for (const name of names) if (isPartialName(name)) await removeAbandoned(place, name);
      // By its real path: the way through the descriptor takes twice as long, for each entry.
      const entries = await readEntries(pace, place.realPath, names, follow);
      if (entries.length > 0) yield entries;
    }
  } finally {
    await directory.close();
  }
}

/** Removes an upload that nobody writes any more; returns whether it did. */
export async function removeAbandoned(folder: DiskPlace, name: string): Promise<boolean> {
  const path = join(folder.path, name);
  try {
    const { mtimeMs } = await promises.lstat(path);
    if (!isAbandoned(name, mtimeMs, Date.now())) return false;
    await promises.unlink(path);
    return true;
  } catch (error) {
    // Gone already, or not ours to remove: neither is a listing's concern.
    if (codeOf(error) !== undefined) return false;
    throw error;
  }
}

async function readNames(pace: DiskPace, directory: fs.Dir): Promise<readonly string[]> {
  const names: string[] = [];
  while (names.length < BATCH) {
    const entry = pace.isFast ? pace.measure(() => directory.readSync()) : await directory.read();
    if (entry === null) break;
    // "." and ".." never arrive here; unsafe names count towards the batch, so that the loop ends.
    names.push(entry.name);
  }
  return names;
}

async function readEntries(
  pace: DiskPace,
  folder: string,
  names: readonly string[],
  follow: (path: string) => Promise<fs.Stats | undefined>,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const add = (name: string, stats: fs.Stats | undefined): void => {
    if (stats !== undefined) entries.push(entryOf(name, stats));
  };
  const safe = names.filter(isSafeName);
  for (let next = 0; next < safe.length;) {
    const name = safe[next] ?? "";
    if (pace.isFast) {
      const stats = pace.measure(() => fs.lstatSync(join(folder, name), { throwIfNoEntry: false }));
      add(name, stats?.isSymbolicLink() === true ? await follow(join(folder, name)) : stats);
      next++;
    } else {
      const some = safe.slice(next, next + AT_ONCE);
      const facts = await Promise.all(some.map((each) => factsOf(join(folder, each), follow)));
      some.forEach((each, index) => add(each, facts[index]));
      next += some.length;
    }
  }
  return entries;
}

async function factsOf(
  path: string,
  follow: (path: string) => Promise<fs.Stats | undefined>,
): Promise<fs.Stats | undefined> {
  try {
    const stats = await promises.lstat(path);
    return stats.isSymbolicLink() ? await follow(path) : stats;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw toStorageError(error);
  }
}
