/** A site's storage as one account sees it: the account's home is `/`. */
import { prefixPath } from "../protocol/paths.ts";
import type { Entry, ReadHandle, Storage, WriteHandle, WriteMode } from "../storage/storage.ts";

export class HomeStorage implements Storage {
  readonly #storage: Storage;
  readonly #home: string;

  constructor(storage: Storage, home: string) {
    this.#storage = storage;
    this.#home = home;
  }

  entry(path: string): Promise<Entry> {
    return this.#storage.entry(this.#below(path));
  }

  list(path: string): AsyncIterable<readonly Entry[]> {
    return this.#storage.list(this.#below(path));
  }

  openRead(path: string): Promise<ReadHandle> {
    return this.#storage.openRead(this.#below(path));
  }

  openWrite(path: string, mode: WriteMode): Promise<WriteHandle> {
    return this.#storage.openWrite(this.#below(path), mode);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#storage.makeDirectory(this.#below(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.#storage.removeDirectory(this.#below(path));
  }

  removeFile(path: string): Promise<void> {
    return this.#storage.removeFile(this.#below(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#storage.rename(this.#below(from), this.#below(to));
  }

  setModified(path: string, modifiedMs: number): Promise<void> {
    return this.#storage.setModified(this.#below(path), modifiedMs);
  }

  setMode(path: string, mode: number): Promise<void> {
    return this.#storage.setMode(this.#below(path), mode);
  }

  freeBytes(path: string): Promise<number | undefined> {
    return this.#storage.freeBytes(this.#below(path));
  }

  #below(path: string): string {
    return prefixPath(this.#home, path);
  }
}
