/** Storage on the local disk, below one root that it never leaves. */
import { constants, promises } from "node:fs";
import type { Stats } from "node:fs";
import { DiskPace } from "../data/disk-pace.ts";
import { bindDiskCalls, type DiskCalls } from "./disk-calls.ts";
import { codeOf, mapped, storing } from "./errors.ts";
import { entryOf, listFolder } from "./disk-listing.ts";
import { locate, resolveLink, type DiskPlace } from "./disk-paths.ts";
import { openUpload, Writers } from "./disk-uploads.ts";
import {
  StorageError,
  type Entry,
  type ReadHandle,
  type Storage,
  type WriteHandle,
  type WriteMode,
} from "./storage.ts";

/** Opening a FIFO or a device must neither wait nor do anything. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

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
      const place = await this.#locate(path);
      const stats = await this.#calls.lstat(place.path);
      if (!stats.isSymbolicLink()) return entryOf(place.name, stats);
      return entryOf(place.name, await this.#calls.stat(await this.#resolve(place)));
    });
  }

  async *list(path: string): AsyncGenerator<readonly Entry[]> {
    const folder = await storing(this.#resolve(await this.#locate(path)));
    const stats = await storing(this.#calls.stat(folder));
    if (!stats.isDirectory()) throw new StorageError("notADirectory");
    yield* listFolder(this.#pace, folder, (link) => this.#follow(link));
  }

  async openRead(path: string): Promise<ReadHandle> {
    return mapped(async () => {
      const real = await this.#resolve(await this.#locate(path));
      // Asked first: opening a device could already have an effect.
      requireFile(await this.#calls.lstat(real));
      const descriptor = await this.#calls.open(real, READ_FLAGS, 0);
      try {
        const stats = await this.#calls.fstat(descriptor);
        requireFile(stats);
        return new DiskFile(this.#calls, descriptor, stats.size);
      } catch (error) {
        await this.#calls.close(descriptor);
        throw error;
      }
    });
  }

  async openWrite(path: string, mode: WriteMode): Promise<WriteHandle> {
    return mapped(async () => {
      const place = await this.#locate(path);
      if (place.name === "") throw new StorageError("isADirectory");
      // A new name goes into a link's target too, as the link's owner meant it to.
      const target = mode.kind === "unique" ? place : await this.#targetOf(place);
      return openUpload(this.#calls, this.#writers, target, mode);
    });
  }

  async makeDirectory(path: string): Promise<void> {
    await mapped(async () => {
      const place = await this.#locate(path);
      if (place.name === "") throw new StorageError("exists");
      await this.#calls.mkdir(place.path);
    });
  }

  async removeDirectory(path: string): Promise<void> {
    await mapped(async () => {
      const place = await this.#locate(path);
      if (place.name === "") throw new StorageError("denied");
      await this.#calls.rmdir(place.path);
    });
  }

  async removeFile(path: string): Promise<void> {
    await mapped(async () => {
      const place = await this.#locate(path);
      const stats = await this.#calls.lstat(place.path);
      if (stats.isDirectory()) throw new StorageError("isADirectory");
      await this.#calls.unlink(place.path);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await mapped(async () => {
      const [source, target] = [await this.#locate(from), await this.#locate(to)];
      if (source.name === "" || target.name === "") throw new StorageError("denied");
      await this.#calls.lstat(source.path);
      const existing = await this.#statsOf(target.path);
      if (existing?.isDirectory() === true) throw new StorageError("exists");
      using _source = this.#writers.claim(source.path);
      using _target = source.path === target.path ? undefined : this.#writers.claim(target.path);
      await this.#calls.rename(source.path, target.path);
    });
  }

  async setModified(path: string, modifiedMs: number): Promise<void> {
    await mapped(async () => {
      const time = new Date(modifiedMs);
      await this.#calls.utimes(await this.#resolve(await this.#locate(path)), time, time);
    });
  }

  async setMode(path: string, mode: number): Promise<void> {
    await storing(this.#calls.chmod(await this.#resolve(await this.#locate(path)), mode & 0o777));
  }

  async freeBytes(path: string): Promise<number | undefined> {
    return mapped(async () => {
      const facts = await promises.statfs(await this.#resolve(await this.#locate(path)));
      return facts.bavail * facts.bsize;
    });
  }

  #locate(path: string): Promise<DiskPlace> {
    return locate(this.#calls, this.#root, path);
  }

  #resolve(place: DiskPlace): Promise<string> {
    return resolveLink(this.#calls, this.#root, place);
  }

  /** What a link in a listing leads to; undefined when that is nothing, or outside the root. */
  async #follow(path: string): Promise<Stats | undefined> {
    try {
      const place = { folder: this.#root, name: path, path };
      return await storing(this.#calls.stat(await this.#resolve(place)));
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

  /** The place that an upload writes to: the target of a link, or the place itself. */
  async #targetOf(place: DiskPlace): Promise<DiskPlace> {
    const stats = await this.#statsOf(place.path);
    if (stats?.isSymbolicLink() !== true) return place;
    const path = await this.#resolve(place);
    const slash = path.lastIndexOf("/");
    return { folder: path.slice(0, slash) || "/", name: place.name, path };
  }
}

function requireFile(stats: Stats): void {
  if (stats.isDirectory()) throw new StorageError("isADirectory");
  if (!stats.isFile()) throw new StorageError("notARegularFile");
}

class DiskFile implements ReadHandle {
  readonly fileDescriptor: number;
  readonly sizeBytes: number;
  readonly #calls: DiskCalls;
  #closed = false;

  constructor(calls: DiskCalls, descriptor: number, sizeBytes: number) {
    this.#calls = calls;
    this.fileDescriptor = descriptor;
    this.sizeBytes = sizeBytes;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    return storing(this.#calls.read(this.fileDescriptor, buffer, position));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#calls.close(this.fileDescriptor);
  }
}
