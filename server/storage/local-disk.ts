/** Storage on the local disk, below one root that it never leaves. */
import { promises, type Stats } from "node:fs";
import type { DiskPace } from "../data/disk-pace.ts";
import { prefixPath } from "../protocol/paths.ts";
import { bindDiskCalls, type DiskCalls } from "./disk-calls.ts";
import { codeOf, mapped, storing } from "./errors.ts";
import { openFile } from "./disk-file.ts";
import { changeMode } from "./disk-mode.ts";
import { entryOf } from "./disk-facts.ts";
import { listFolder, removeLeftovers } from "./disk-listing.ts";
import {
  fenceIn,
  isSafeName,
  locate,
  locateFolder,
  locateTarget,
  pathInside,
  type DiskPlace,
  type Fence,
} from "./disk-paths.ts";
import { openPace } from "./local-devices.ts";
import { isForeignPartial } from "./partial-names.ts";
import { openUpload } from "./disk-uploads.ts";
import { DISK_USAGES } from "./disk-usage.ts";
import {
  StorageError,
  type Entry,
  type ReadHandle,
  type StorageAdapter,
  type StorageUsage,
  type WriteHandle,
  type WriteMode,
} from "./storage.ts";
import { openMachineLocks, PROCESS_LOCKS, type WriterLocks } from "./writer-locks.ts";

/** What all views of a storage share. */
interface OpenedDisk {
  readonly root: Fence;
  readonly pace: DiskPace;
  readonly calls: DiskCalls;
  readonly locks: WriterLocks;
  readonly shared: boolean;
}

export interface LocalDiskOptions {
  /**
   * Whether other processes of the server may work on the same files: workers, or the server that
   * this one takes over from. Writers are then told apart across the machine.
   */
  readonly sharedByProcesses?: boolean;
}

/** A folder of another view. */
interface Home {
  readonly outer: LocalDisk;
  readonly path: string;
}

/** Faults of a folder that leave its files out of the count. */
const UNCOUNTED: ReadonlySet<string> = new Set(["notFound", "notADirectory", "denied"]);
/** Of uploads under way, those of other processes: our own have reserved what they take. */
const takesSpace = (name: string): boolean => isSafeName(name) || isForeignPartial(name);
const NOT_FOLLOWED = (): Promise<undefined> => Promise.resolve(undefined);

/**
 * Files below a folder of this machine.
 *
 * An upload that replaces goes to a hidden file in the same folder and takes the name when it is
 * complete and on the disk; until then, and if it never is, the old file stays. What a process left
 * behind when it died is removed when its folder is next listed or removed. A file has one writer
 * at a time.
 */
export class LocalDisk implements StorageAdapter {
  readonly #opened: OpenedDisk;
  readonly #calls: DiskCalls;
  /** The folder that this view shows as `/`; undefined when that is the root. */
  readonly #home: Home | undefined;
  #found: Fence | undefined;

  private constructor(opened: OpenedDisk, home?: Home) {
    this.#opened = opened;
    this.#calls = opened.calls;
    this.#home = home;
  }

  /**
   * Opens the storage at `folder`, absolute; it is created when it is missing.
   *
   * @throws an error of the file system, or of `openMachineLocks`
   */
  static async open(folder: string, options: LocalDiskOptions = {}): Promise<LocalDisk> {
    await promises.mkdir(folder, { recursive: true });
    const pace = await openPace(folder);
    const shared = options.sharedByProcesses === true;
    return new LocalDisk({
      root: { root: await promises.realpath(folder), isFixed: true },
      pace,
      calls: bindDiskCalls(pace),
      locks: shared ? openMachineLocks() : PROCESS_LOCKS,
      shared,
    });
  }

  within(path: string): LocalDisk {
    return path === "/" ? this : new LocalDisk(this.#opened, { outer: this, path });
  }

  async usage(): Promise<StorageUsage> {
    const { root } = await mapped(() => this.#fence());
    return DISK_USAGES.of(root, () => this.#measure(), this.#opened.shared);
  }

  async entry(path: string): Promise<Entry> {
    const entry = await this.find(path);
    if (entry === undefined) throw new StorageError("notFound");
    return entry;
  }

  async find(path: string): Promise<Entry | undefined> {
    return mapped(async () => {
      using place = await this.#locate(path);
      const stats = await this.#calls.find(place.path);
      if (stats === undefined) return undefined;
      if (!stats.isSymbolicLink()) return entryOf(place.name, stats);
      using target = await locateTarget(this.#calls, await this.#fence(), place);
      return entryOf(place.name, await this.#calls.lstat(target.path));
    });
  }

  async *list(path: string): AsyncGenerator<readonly Entry[]> {
    const fence = await storing(this.#fence());
    using place = await storing(locateFolder(this.#calls, fence, path));
    yield* listFolder(this.#opened.pace, place, (link) => this.#follow(fence, link));
  }

  async openRead(path: string): Promise<ReadHandle> {
    return mapped(async () => {
      using place = await this.#locateFile(path);
      return await openFile(this.#calls, place.path);
    });
  }

  async openWrite(path: string, mode: WriteMode): Promise<WriteHandle> {
    return mapped(async () => {
      // A new name goes into a link's target too, as the link's owner meant it to.
      const place = await (mode.kind === "unique" ? this.#locate(path) : this.#locateFile(path));
      try {
        if (place.name === "") throw new StorageError("isADirectory");
        return await openUpload(this.#calls, this.#opened.locks, place, mode);
      } catch (error) {
        place[Symbol.dispose]();
        throw error;
      }
    });
  }

  async makeDirectory(path: string): Promise<void> {
    await mapped(async () => {
      using place = await this.#locate(path);
      if (place.name === "") throw new StorageError("exists");
      await this.#calls.mkdir(place.path);
    });
  }

  async removeDirectory(path: string): Promise<void> {
    await mapped(async () => {
      using place = await this.#locate(path);
      if (place.name === "") throw new StorageError("denied");
      try {
        await this.#calls.rmdir(place.path);
      } catch (error) {
        // A folder that holds only abandoned uploads looks empty, and cannot be emptied otherwise.
        if (codeOf(error) !== "ENOTEMPTY") throw error;
        using folder = await locateFolder(this.#calls, await this.#fence(), path);
        await removeLeftovers(folder);
        await this.#calls.rmdir(place.path);
      }
    });
  }

  async removeFile(path: string): Promise<void> {
    await mapped(async () => {
      using place = await this.#locate(path);
      const stats = await this.#calls.lstat(place.path);
      if (stats.isDirectory()) throw new StorageError("isADirectory");
      using _claim = this.#opened.locks.claim(place.realPath);
      await this.#calls.unlink(place.path);
      if (stats.isFile()) DISK_USAGES.changed(place.realPath, -stats.size);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await mapped(async () => {
      using source = await this.#locate(from);
      using target = await this.#locate(to);
      if (source.name === "" || target.name === "") throw new StorageError("denied");
      const moved = await this.#calls.lstat(source.path);
      const existing = await this.#calls.find(target.path);
      if (existing?.isDirectory() === true) throw new StorageError("exists");
      const { locks } = this.#opened;
      using _source = locks.claim(source.realPath);
      using _target =
        source.realPath === target.realPath ? undefined : locks.claim(target.realPath);
      await this.#calls.rename(source.path, target.path);
      if (source.realPath === target.realPath) return;
      if (existing?.isFile() === true) DISK_USAGES.changed(target.realPath, -existing.size);
      if (moved.isSymbolicLink()) return;
      const bytes = moved.isFile() ? moved.size : undefined;
      DISK_USAGES.moved(source.realPath, target.realPath, bytes);
    });
  }

  async setModified(path: string, modifiedMs: number): Promise<void> {
    await mapped(async () => {
      const time = new Date(modifiedMs);
      using place = await this.#locateFile(path);
      // Not through a link, should one have come in its place.
      await this.#calls.lutimes(place.path, time, time);
    });
  }

  async setMode(path: string, mode: number): Promise<void> {
    await mapped(async () => {
      using place = await this.#locateFile(path);
      await changeMode(this.#calls, place.path, mode & 0o777);
    });
  }

  async freeBytes(path: string): Promise<number | undefined> {
    return mapped(async () => {
      using place = await this.#locateFile(path);
      const facts = await promises.statfs(place.path);
      return facts.bavail * facts.bsize;
    });
  }

  async #locate(path: string): Promise<DiskPlace> {
    return locate(this.#calls, await this.#fence(), path);
  }

  /** Where this view really begins; not known before the folder exists. */
  async #fence(): Promise<Fence> {
    if (this.#home === undefined) return this.#opened.root;
    const { outer, path } = this.#home;
    this.#found ??= await fenceIn(this.#calls, await outer.#fence(), path);
    return this.#found;
  }

  /** Bytes of all files, links not followed; 0 when the folder does not exist. */
  async #measure(): Promise<number> {
    const waiting = ["/"];
    let bytes = 0;
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      try {
        using place = await storing(locateFolder(this.#calls, await this.#fence(), path));
        for await (const batch of listFolder(this.#opened.pace, place, NOT_FOLLOWED, takesSpace)) {
          for (const { kind, name, sizeBytes } of batch) {
            if (kind === "file") bytes += sizeBytes;
            else if (kind === "directory") waiting.push(prefixPath(path, `/${name}`));
          }
        }
      } catch (error) {
        // Removed meanwhile, or not for the server to read: nothing that it could count.
        if (!(error instanceof StorageError) || !UNCOUNTED.has(error.kind)) throw error;
      }
    }
    return bytes;
  }

  /** The place at `path`, or what a link there leads to. */
  async #locateFile(path: string): Promise<DiskPlace> {
    const place = await this.#locate(path);
    try {
      const stats = await this.#calls.find(place.path);
      if (stats?.isSymbolicLink() !== true) return place;
      const target = await locateTarget(this.#calls, await this.#fence(), place);
      place[Symbol.dispose]();
      return target;
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
  }

  /** What a link in a listing leads to; undefined when that is nothing, or outside the root. */
  async #follow(fence: Fence, realPath: string): Promise<Stats | undefined> {
    try {
      const virtualPath = pathInside(fence, realPath);
      return await storing(
        (async () => {
          using place = await this.#locateFile(virtualPath);
          return await this.#calls.lstat(place.path);
        })(),
      );
    } catch (error) {
      if (error instanceof StorageError) return undefined;
      throw error;
    }
  }
}
