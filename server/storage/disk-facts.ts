/** The facts of a folder's entries, as listings and single questions tell them. */
import fs, { promises } from "node:fs";
import type { DiskPace } from "../data/disk-pace.ts";
import type { FactsInFolder } from "../native/folder-facts.ts";
import { systemCalls, type SystemCalls } from "../native/system-calls.ts";
import { join, realPathHolds, type DiskPlace } from "./disk-paths.ts";
import { codeOf } from "./errors.ts";
import type { Entry } from "./storage.ts";

/** Facts that are asked for at the same time when the pool does it. */
const AT_ONCE = 16;
/** Facts that are asked for between two looks at the clock, which costs as much as one of them. */
const MOST_IN_A_ROW = 64;

/** To open the folder takes as long as a few entries save. */
const WORTH_A_DESCRIPTOR = 64;

const { O_DIRECTORY, O_RDONLY } = fs.constants;

/** What the facts of an entry are made of. */
export function entryOf(name: string, stats: FactsInFolder): Entry {
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

  constructor(name: string, stats: FactsInFolder) {
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

function kindOf({ mode }: FactsInFolder): Entry["kind"] {
  switch (mode & fs.constants.S_IFMT) {
    case fs.constants.S_IFREG:
      return "file";
    case fs.constants.S_IFDIR:
      return "directory";
    default:
      return "other";
  }
}

function uniqueOf({ dev, ino }: Pick<FactsInFolder, "dev" | "ino">): string {
  return `${dev.toString(36)}.${ino.toString(36)}`;
}

/** What a symbolic link leads to, by its real path; undefined when it is not to be shown. */
export type Follow = (path: string) => Promise<fs.Stats | undefined>;

type PathOf = (name: string) => string;

/**
 * Asks for the facts of entries, more at a time while the disk answers fast. Many are asked for by the
 * folder's descriptor, which saves the system the way to the folder, and Node its own `Stats`.
 */
export class FactReader implements Disposable {
  readonly #pace: DiskPace;
  readonly #follow: Follow;
  readonly #place: DiskPlace;
  /** Nobody has tried to open the folder. */
  #mayOpen: boolean;
  #calls: SystemCalls | undefined;
  #descriptor: number | undefined;
  #inARow = 1;

  /**
   * @param place of the folder
   * @param native for tests: false leaves out the way by the descriptor
   */
  constructor(pace: DiskPace, follow: Follow, place: DiskPlace, native = true) {
    this.#pace = pace;
    this.#follow = follow;
    this.#place = place;
    this.#mayOpen = native;
  }

  async read(names: readonly string[]): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    let folder: string | undefined;
    const pathOf: PathOf = (name) => join((folder ??= this.#findFolder()), name);
    if (names.length >= WORTH_A_DESCRIPTOR) this.#open();
    for (let next = 0; next < names.length;) {
      const some = names.slice(next, next + (this.#pace.isFast ? this.#inARow : AT_ONCE));
      next += some.length;
      const links = this.#pace.isFast
        ? this.#readNow(pathOf, some, entries)
        : await this.#readPooled(pathOf, some, entries);
      for (const name of links) {
        const stats = await this.#follow(pathOf(name));
        if (stats !== undefined) entries.push(new ListedEntry(name, stats));
      }
    }
    return entries;
  }

  /** By its real path, while that holds: the way through /proc takes twice as long, for each entry. */
  #findFolder(): string {
    return realPathHolds(this.#place) ? this.#place.realPath : this.#place.path;
  }

  /** Only now, so that a process which lists no large folder does not load the library for it. */
  #open(): void {
    if (!this.#mayOpen || !this.#pace.isFast) return;
    this.#mayOpen = false;
    this.#calls = systemCalls();
    if (this.#calls === undefined) return;
    try {
      this.#descriptor = this.#pace.measure(() =>
        fs.openSync(this.#place.path, O_DIRECTORY | O_RDONLY),
      );
    } catch {
      // No descriptor is left, say: by their paths it works as well, or tells what is wrong.
    }
  }

  /** Returns the names of links, which are left out. */
  #readNow(pathOf: PathOf, names: readonly string[], entries: Entry[]): readonly string[] {
    const links: string[] = [];
    this.#pace.measure(() => {
      for (const name of names) {
        const stats = this.#byDescriptor(name) ?? lstatNow(pathOf(name));
        if (stats === undefined) continue;
        if (isLink(stats)) links.push(name);
        else entries.push(new ListedEntry(name, stats));
      }
    });
    this.#inARow = this.#pace.isFast ? Math.min(2 * this.#inARow, MOST_IN_A_ROW) : 1;
    return links;
  }

  /** Undefined where it cannot be, or nothing is there: the usual way tells. */
  #byDescriptor(name: string): FactsInFolder | undefined {
    if (this.#descriptor === undefined) return undefined;
    return this.#calls?.factsInFolder(this.#descriptor, name);
  }

  async #readPooled(
    pathOf: PathOf,
    names: readonly string[],
    entries: Entry[],
  ): Promise<readonly string[]> {
    this.#inARow = 1;
    const all = await Promise.all(names.map((name) => lstatIfThere(pathOf(name))));
    return names.filter((name, index) => {
      const stats = all[index];
      if (stats !== undefined && isLink(stats)) return true;
      if (stats !== undefined) entries.push(new ListedEntry(name, stats));
      return false;
    });
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function isLink({ mode }: FactsInFolder): boolean {
  return (mode & fs.constants.S_IFMT) === fs.constants.S_IFLNK;
}

const IF_THERE = { throwIfNoEntry: false } as const;

/** A name that is no UTF-8 is longer as Node gives it; as other such names, it leads nowhere. */
const NOT_THERE: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENAMETOOLONG"]);

function unlessMissing(error: unknown): undefined {
  if (!NOT_THERE.has(codeOf(error))) throw error;
}

function lstatNow(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, IF_THERE);
  } catch (error) {
    return unlessMissing(error);
  }
}

function lstatIfThere(path: string): Promise<fs.Stats | undefined> {
  return promises.lstat(path).catch(unlessMissing);
}
