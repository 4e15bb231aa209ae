/** Lists folders of any size in batches: memory is bounded by the batch, not by the folder. */
import fs from "node:fs";
import { promises } from "node:fs";
import { codeOf, toStorageError } from "./errors.ts";
import type { DiskPace } from "../data/disk-pace.ts";
import { isSafeName, join, realPathHolds, type DiskPlace } from "./disk-paths.ts";
import { isSmallFolder } from "./local-devices.ts";
import { isAbandoned, isPartialName } from "./partial-names.ts";
import { StorageError, type Entry } from "./storage.ts";

/** Entries per batch: well below a millisecond of work, after which others have their turn. */
const BATCH = 128;
/** Facts that are asked for at the same time when the pool does it. */
const AT_ONCE = 16;
/** Facts that are asked for between two looks at the clock, which costs as much as one of them. */
const MOST_IN_A_ROW = 64;

/** What the facts of an entry are made of. */
export function entryOf(name: string, stats: fs.Stats): Entry {
  return {
    name,
    kind: kindOf(stats),
    sizeBytes: stats.size,
    modifiedMs: Math.floor(stats.mtimeMs),
    mode: stats.mode & 0o777,
    unique: uniqueOf(stats),
  };
}

/** An entry of a listing; what is asked for of few is made when it is. */
class ListedEntry implements Entry {
  readonly name: string;
  readonly kind: Entry["kind"];
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly mode: number;
  readonly #device: number;
  readonly #inode: number;

  constructor(name: string, stats: fs.Stats) {
    this.name = name;
    this.kind = kindOf(stats);
    this.sizeBytes = stats.size;
    this.modifiedMs = Math.floor(stats.mtimeMs);
    this.mode = stats.mode & 0o777;
    this.#device = stats.dev;
    this.#inode = stats.ino;
  }

  get unique(): string {
    return uniqueOf({ dev: this.#device, ino: this.#inode });
  }
}

function kindOf({ mode }: fs.Stats): Entry["kind"] {
  switch (mode & fs.constants.S_IFMT) {
    case fs.constants.S_IFREG:
      return "file";
    case fs.constants.S_IFDIR:
      return "directory";
    default:
      return "other";
  }
}

function uniqueOf({ dev, ino }: Pick<fs.Stats, "dev" | "ino">): string {
  return `${dev.toString(36)}.${ino.toString(36)}`;
}

/** What a symbolic link leads to, by its real path; undefined when it is not to be shown. */
type Follow = (path: string) => Promise<fs.Stats | undefined>;

/**
 * Yields the entries of a folder. An entry that vanishes meanwhile is left out, and so is a name
 * that would forge a line of a listing. Uploads that a process left behind when it died are
 * removed on this occasion.
 *
 * @param shows which names are listed.
 * @throws StorageError before the first batch when the folder cannot be read
 */
export async function* listFolder(
  pace: DiskPace,
  place: DiskPlace,
  follow: Follow,
  shows: (name: string) => boolean = isSafeName,
): AsyncGenerator<readonly Entry[]> {
  const reader = new FactReader(pace, follow);
  try {
    await using batches = await openNames(pace, place.path);
    for (;;) {
      const names = await batches.next();
      if (names.length === 0) return;
      for (const name of names) if (isPartialName(name)) await removeAbandoned(place, name);
      // By its real path: the way through the descriptor takes twice as long, for each entry.
      const folder = realPathHolds(place) ? place.realPath : place.path;
      const entries = await reader.read(folder, names.filter(shows));
      if (entries.length > 0) yield entries;
    }
  } catch (error) {
    throw toStorageError(error);
  }
}

/** "." and ".." are never among them; unsafe names count towards the batch, so that a loop ends. */
interface NameBatches extends AsyncDisposable {
  /** Empty at the end. */
  next(): Promise<readonly string[]>;
}

async function openNames(pace: DiskPace, path: string): Promise<NameBatches> {
  const options = { bufferSize: BATCH };
  if (!pace.isFast) return new DirectoryNames(pace, await promises.opendir(path, options));
  return pace.measure(() =>
    isSmallFolder(path)
      ? new KnownNames(fs.readdirSync(path))
      : new DirectoryNames(pace, fs.opendirSync(path, options)),
  );
}

/** Of a small folder: at once they take half the time. */
class KnownNames implements NameBatches {
  readonly #names: string[];

  constructor(names: string[]) {
    this.#names = names;
  }

  next(): Promise<readonly string[]> {
    return Promise.resolve(this.#names.splice(0, BATCH));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class DirectoryNames implements NameBatches {
  readonly #pace: DiskPace;
  readonly #directory: fs.Dir;

  constructor(pace: DiskPace, directory: fs.Dir) {
    this.#pace = pace;
    this.#directory = directory;
  }

  next(): Promise<readonly string[]> {
    return readNames(this.#pace, this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#pace.isFast) this.#directory.closeSync();
    else await this.#directory.close();
  }
}

/** Removes an upload that nobody writes any more. */
async function removeAbandoned(folder: DiskPlace, name: string): Promise<void> {
  const path = join(folder.path, name);
  try {
    const { mtimeMs } = await promises.lstat(path);
    if (isAbandoned(name, mtimeMs, Date.now())) await promises.unlink(path);
  } catch (error) {
    // Gone already, or not ours to remove: neither is a listing's concern.
    if (codeOf(error) === undefined) throw error;
  }
}

/**
 * Removes abandoned uploads from a folder that is not empty, and looks for what else clients cannot
 * see in it. Files with names that no listing can show were put there past this server, so they are
 * never removed with their folder; the log says which one is in the way.
 *
 * @throws StorageError `notEmpty`, with the reason
 */
export async function removeLeftovers(folder: DiskPlace): Promise<void> {
  const directory = await promises.opendir(folder.path);
  for await (const { name } of directory) {
    if (isPartialName(name)) {
      await removeAbandoned(folder, name);
      continue;
    }
    if (isSafeName(name)) throw new StorageError("notEmpty");
    const reason = `the folder holds ${JSON.stringify(name)}, a name that FTP cannot show: remove or rename it on the machine`;
    throw new StorageError("notEmpty", { reason });
  }
}

async function readNames(pace: DiskPace, directory: fs.Dir): Promise<readonly string[]> {
  const names: string[] = [];
  if (pace.isFast) {
    pace.measure(() => {
      while (names.length < BATCH) {
        const entry = directory.readSync();
        if (entry === null) return;
        names.push(entry.name);
      }
    });
    return names;
  }
  while (names.length < BATCH) {
    const entry = await directory.read();
    if (entry === null) break;
    names.push(entry.name);
  }
  return names;
}

/** Asks for the facts of entries, more at a time while the disk answers fast. */
class FactReader {
  readonly #pace: DiskPace;
  readonly #follow: Follow;
  #inARow = 1;

  constructor(pace: DiskPace, follow: Follow) {
    this.#pace = pace;
    this.#follow = follow;
  }

  async read(folder: string, names: readonly string[]): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    for (let next = 0; next < names.length;) {
      const some = names.slice(next, next + (this.#pace.isFast ? this.#inARow : AT_ONCE));
      next += some.length;
      const links = this.#pace.isFast
        ? this.#readNow(folder, some, entries)
        : await this.#readPooled(folder, some, entries);
      for (const name of links) {
        const stats = await this.#follow(join(folder, name));
        if (stats !== undefined) entries.push(new ListedEntry(name, stats));
      }
    }
    return entries;
  }

  /** Returns the names of links, which are left out. */
  #readNow(folder: string, names: readonly string[], entries: Entry[]): readonly string[] {
    const links: string[] = [];
    this.#pace.measure(() => {
      for (const name of names) {
        const stats = fs.lstatSync(join(folder, name), IF_THERE);
        if (stats === undefined) continue;
        if (stats.isSymbolicLink()) links.push(name);
        else entries.push(new ListedEntry(name, stats));
      }
    });
    this.#inARow = this.#pace.isFast ? Math.min(2 * this.#inARow, MOST_IN_A_ROW) : 1;
    return links;
  }

  async #readPooled(
    folder: string,
    names: readonly string[],
    entries: Entry[],
  ): Promise<readonly string[]> {
    this.#inARow = 1;
    const all = await Promise.all(names.map((name) => lstatIfThere(join(folder, name))));
    return names.filter((name, index) => {
      const stats = all[index];
      if (stats?.isSymbolicLink() === true) return true;
      if (stats !== undefined) entries.push(new ListedEntry(name, stats));
      return false;
    });
  }
}

const IF_THERE = { throwIfNoEntry: false } as const;

async function lstatIfThere(path: string): Promise<fs.Stats | undefined> {
  try {
    return await promises.lstat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
