/** Storage on the local disk, below one root that it never leaves. */
import { constants, promises } from "node:fs";
import type { Stats } from "node:fs";
import { sep } from "node:path";
import { DiskPace } from "../data/disk-pace.ts";
import { bindDiskCalls, type DiskCalls } from "./disk-calls.ts";
import { codeOf, mapped, storing } from "./errors.ts";
import { entryOf, listFolder, removeAbandoned } from "./disk-listing.ts";
import { locate, locateFolder, locateTarget, type DiskPlace } from "./disk-paths.ts";
import { openUpload, Writers } from "./disk-uploads.ts";
import { offerDescriptor } from "./local-devices.ts";
import { isPartialName } from "./partial-names.ts";
import {
  StorageError,
  type Entry,
  type ReadHandle,
  type Storage,
  type WriteHandle,
  type WriteMode,
} from "./storage.ts";

/** Opening a FIFO or a device must neither wait nor do anything. */
const READ_FLAGS =
  constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;

/**
 * Files below a folder of this machine.
 *
 * An upload that replaces goes to a hidden file in the same folder and takes the name when it is
 * complete and on the disk; until then, and if it never is, the old file stays. What a process left
 * behind when it died is removed when its folder is next listed or removed. A file has one writer
 * at a time within this process; of several processes the last to complete wins, whole.
 */
export class LocalDisk implements Storage {
  readonly #root: string;
  readonly #pace = new DiskPace();
  readonly #calls: DiskCalls = bindDiskCalls(this.#pace);
  readonly #writers = new Writers();

  private constructor(root: string) {
    this.#root = root;
  }

  /** Opens the storage at `folder`, absolute; it is created when it is missing. */
  static async open(folder: string): Promise<LocalDisk> {
    await promises.mkdir(folder, { recursive: true });
    return new LocalDisk(await promises.realpath(folder));
  }

  async entry(path: string): Promise<Entry> {
    return mapped(async () => {
      using place = await this.#locate(path);
      const stats = await this.#calls.lstat(place.path);
      if (!stats.isSymbolicLink()) return entryOf(place.name, stats);
      using target = await locateTarget(this.#calls, this.#root, place);
      return entryOf(place.name, await this.#calls.lstat(target.path));
    });
  }

  async *list(path: string): AsyncGenerator<readonly Entry[]> {
    using place = await storing(locateFolder(this.#calls, this.#root, path));
    yield* listFolder(this.#pace, place, (link) => this.#follow(link));
  }

  async openRead(path: string): Promise<ReadHandle> {
    return mapped(async () => {
      using place = await this.#locateFile(path);
      // Asked first: opening a device could already have an effect.
      requireFile(await this.#calls.lstat(place.path));
      const descriptor = await this.#calls.open(place.path, READ_FLAGS, 0);
      try {
        const stats = await this.#calls.fstat(descriptor);
        requireFile(stats);
        return new DiskFile(this.#calls, descriptor, stats);
      } catch (error) {
        await this.#calls.close(descriptor);
        throw error;
      }
    });
  }

  async openWrite(path: string, mode: WriteMode): Promise<WriteHandle> {
    return mapped(async () => {
      // A new name goes into a link's target too, as the link's owner meant it to.
      const place = await (mode.kind === "unique" ? this.#locate(path) : this.#locateFile(path));
      try {
        if (place.name === "") throw new StorageError("isADirectory");
        return await openUpload(this.#calls, this.#writers, place, mode);
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
        if (codeOf(error) !== "ENOTEMPTY" || !(await this.#removeLeftovers(path))) throw error;
        await this.#calls.rmdir(place.path);
      }
    });
  }

  async removeFile(path: string): Promise<void> {
    await mapped(async () => {
      using place = await this.#locate(path);
      const stats = await this.#calls.lstat(place.path);
      if (stats.isDirectory()) throw new StorageError("isADirectory");
      await this.#calls.unlink(place.path);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await mapped(async () => {
      using source = await this.#locate(from);
      using target = await this.#locate(to);
      if (source.name === "" || target.name === "") throw new StorageError("denied");
      await this.#calls.lstat(source.path);
      const existing = await this.#statsOf(target.path);
      if (existing?.isDirectory() === true) throw new StorageError("exists");
      using _source = this.#writers.claim(source.realPath);
      using _target =
        source.realPath === target.realPath ? undefined : this.#writers.claim(target.realPath);
      await this.#calls.rename(source.path, target.path);
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
      await this.#calls.chmod(place.path, mode & 0o777);
    });
  }

  async freeBytes(path: string): Promise<number | undefined> {
    return mapped(async () => {
      using place = await this.#locateFile(path);
      const facts = await promises.statfs(place.path);
      return facts.bavail * facts.bsize;
    });
  }

  #locate(path: string): Promise<DiskPlace> {
    return locate(this.#calls, this.#root, path);
  }

  /** The place at `path`, or what a link there leads to. */
  async #locateFile(path: string): Promise<DiskPlace> {
    const place = await this.#locate(path);
    try {
      const stats = await this.#statsOf(place.path);
      if (stats?.isSymbolicLink() !== true) return place;
      const target = await locateTarget(this.#calls, this.#root, place);
      place[Symbol.dispose]();
      return target;
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
  }

  /** What a link in a listing leads to; undefined when that is nothing, or outside the root. */
  async #follow(realPath: string): Promise<Stats | undefined> {
    try {
      const virtualPath = realPath.slice(this.#root.length).replaceAll(sep, "/");
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

  async #statsOf(path: string): Promise<Stats | undefined> {
    try {
      return await this.#calls.lstat(path);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Removes abandoned uploads from a folder; true when nothing else was in it. */
  async #removeLeftovers(path: string): Promise<boolean> {
    using place = await locateFolder(this.#calls, this.#root, path);
    for (const name of await promises.readdir(place.path)) {
      if (!isPartialName(name) || !(await removeAbandoned(place, name))) return false;
    }
    return true;
  }
}

function requireFile(stats: Stats): void {
  if (stats.isDirectory()) throw new StorageError("isADirectory");
  if (!stats.isFile()) throw new StorageError("notARegularFile");
}

class DiskFile implements ReadHandle {
  readonly fileDescriptor: number | undefined;
  readonly sizeBytes: number;
  readonly #descriptor: number;
  readonly #calls: DiskCalls;
  #closed = false;

  constructor(calls: DiskCalls, descriptor: number, { size, dev }: Stats) {
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.fileDescriptor = offerDescriptor(descriptor, dev);
    this.sizeBytes = size;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    return storing(this.#calls.read(this.#descriptor, buffer, position));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#calls.close(this.#descriptor);
  }
}
