/** Lists folders of any size in batches: memory is bounded by the batch, not by the folder. */
import fs from "node:fs";
import { promises } from "node:fs";
import { codeOf, toStorageError } from "./errors.ts";
import type { DiskPace } from "../data/disk-pace.ts";
import { FactReader, type Follow } from "./disk-facts.ts";
import { isSafeName, join, type DiskPlace } from "./disk-paths.ts";
import { isSmallFolder } from "./local-devices.ts";
import { isAbandoned, isPartialName } from "./partial-names.ts";
import { StorageError, type Entry } from "./storage.ts";

/** Entries per batch: well below a millisecond of work, after which others have their turn. */
const BATCH = 128;

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
  try {
    await using batches = await openNames(pace, place.path);
    using reader = new FactReader(pace, follow, place);
    for (;;) {
      const names = await batches.next();
      if (names.length === 0) return;
      for (const name of names) if (isPartialName(name)) await removeAbandoned(place, name);
      const entries = await reader.read(names.filter(shows));
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
