/**
 * How many bytes lie below the homes that have a quota. A home is counted once, by walking it;
 * from then on every change that this process makes to files in it is added, whoever makes it.
 */
import { dirname } from "node:path";
import type { StorageUsage } from "./storage.ts";

/** What the administrator changed past this server is seen after this at the latest. */
const REFRESH_MS = 10 * 60 * 1000;
/**
 * With other processes of the server at work on the same files, a home is walked again whenever it
 * matters, as long as the pause below allows.
 */
const SHARED_REFRESH_MS = 0;
/** A walk is followed by a pause of so many times its length: a large home costs no more than 5 %. */
const REST_PER_WALK = 19;
/** A walk that takes no longer is waited for: small homes are exact across processes. */
const SHORT_WALK_MS = 50;
/** A home that changes while it is walked is walked again, but not for ever. */
const MOST_WALKS = 3;

/** One home. */
class FolderUsage implements StorageUsage {
  readonly #measure: () => Promise<number>;
  readonly #refreshMs: number;
  #bytes: number | undefined;
  #reserved = 0;
  #changes = 0;
  #walking: Promise<void> | undefined;
  #staleAtMs = 0;
  #walkMs = 0;

  constructor(measure: () => Promise<number>, refreshMs: number) {
    this.#measure = measure;
    this.#refreshMs = refreshMs;
  }

  get usedBytes(): number {
    return (this.#bytes ?? 0) + this.#reserved;
  }

  async ready(): Promise<void> {
    if (performance.now() >= this.#staleAtMs && this.#walking === undefined) {
      this.#walking = this.#walk();
      // Whoever waits for it learns; a figure that is good already stays when it cannot be renewed.
      this.#walking.catch(() => undefined);
    }
    // Later walks correct a figure that is good already: long ones are not worth waiting for.
    if (this.#bytes === undefined) await this.#walking;
    else if (this.#walkMs <= SHORT_WALK_MS) await this.#walking?.catch(() => undefined);
  }

  reserve(bytes: number): void {
    this.#reserved += bytes;
  }

  /** Adds what a file gained or lost. */
  changed(bytes: number): void {
    this.#changes++;
    // A file that somebody else made and we remove was never counted.
    if (this.#bytes !== undefined) this.#bytes = Math.max(0, this.#bytes + bytes);
  }

  /** Something changed by an amount that is not known. */
  markStale(): void {
    this.#changes++;
    this.#staleAtMs = 0;
  }

  async #walk(): Promise<void> {
    const begunMs = performance.now();
    // Due again by the next walk, unless something is marked meanwhile.
    this.#staleAtMs = Infinity;
    try {
      for (let walk = 1; walk <= MOST_WALKS; walk++) {
        const before = this.#changes;
        const bytes = await inTurn(this.#measure);
        const unchanged = before === this.#changes;
        // A first figure that may be off by an upload is better than none.
        if (unchanged || (this.#bytes === undefined && walk === MOST_WALKS)) this.#bytes = bytes;
        if (unchanged) break;
      }
    } finally {
      this.#walking = undefined;
      const endedMs = performance.now();
      this.#walkMs = endedMs - begunMs;
      const restMs = Math.max(this.#refreshMs, REST_PER_WALK * this.#walkMs);
      if (this.#staleAtMs === Infinity) this.#staleAtMs = endedMs + restMs;
    }
  }
}

/** The homes that are counted, by real path. */
class DiskUsages {
  readonly #folders = new Map<string, FolderUsage>();

  /** The usage of a folder, the same one for all who ask. @param measure walks it. */
  of(realPath: string, measure: () => Promise<number>, shared: boolean): StorageUsage {
    const known = this.#folders.get(realPath);
    if (known !== undefined) return known;
    const usage = new FolderUsage(measure, shared ? SHARED_REFRESH_MS : REFRESH_MS);
    this.#folders.set(realPath, usage);
    return usage;
  }

  /** Whether the size of a file matters to anybody. */
  counts(realPath: string): boolean {
    return this.#around(realPath).length > 0;
  }

  /** A file at `realPath` gained or lost bytes. */
  changed(realPath: string, bytes: number): void {
    if (bytes !== 0) for (const usage of this.#around(realPath)) usage.changed(bytes);
  }

  /** A file of `bytes`, or a folder of unknown size, moved. */
  moved(from: string, to: string, bytes: number | undefined): void {
    if (this.#folders.size === 0) return;
    const [left, entered] = [new Set(this.#around(from)), new Set(this.#around(to))];
    for (const usage of left.symmetricDifference(entered)) {
      if (bytes === undefined) usage.markStale();
      else usage.changed(left.has(usage) ? -bytes : bytes);
    }
  }

  #around(realPath: string): readonly FolderUsage[] {
    if (this.#folders.size === 0) return [];
    const found: FolderUsage[] = [];
    for (let path = realPath, above = dirname(path); ; path = above, above = dirname(path)) {
      const usage = this.#folders.get(path);
      if (usage !== undefined) found.push(usage);
      if (above === path) return found;
    }
  }
}

let last: Promise<unknown> = Promise.resolve();

/** One walk at a time in the whole process: a thousand logins do not start a thousand walks. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = last.then(work);
  last = turn.catch(() => undefined);
  return turn;
}

/** Of the whole process: a home may be reached through several storages. */
export const DISK_USAGES = new DiskUsages();
