/** An open file of the local disk. */
import { constants, type Stats } from "node:fs";
import type { DiskCalls } from "./disk-calls.ts";
import { storing } from "./errors.ts";
import { isInMemory, offerDescriptor } from "./local-devices.ts";
import { StorageError, type ReadHandle } from "./storage.ts";

/** Opening a FIFO or a device must neither wait nor do anything. */
const READ_FLAGS =
  constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;

/** Opens the regular file at `path`, no link followed. @throws what the file system or storage says */
export async function openFile(calls: DiskCalls, path: string): Promise<ReadHandle> {
  // Asked first: opening a device could already have an effect.
  requireFile(await calls.lstat(path));
  const descriptor = await calls.open(path, READ_FLAGS, 0);
  try {
    const stats = await calls.fstat(descriptor);
    requireFile(stats);
    return new DiskFile(calls, descriptor, stats);
  } catch (error) {
    await calls.close(descriptor);
    throw error;
  }
}

function requireFile(stats: Stats): void {
  if (stats.isDirectory()) throw new StorageError("isADirectory");
  if (!stats.isFile()) throw new StorageError("notARegularFile");
}

class DiskFile implements ReadHandle {
  readonly fileDescriptor: number | undefined;
  readonly isInMemory: boolean;
  readonly sizeBytes: number;
  readonly #descriptor: number;
  readonly #calls: DiskCalls;
  #closed = false;

  constructor(calls: DiskCalls, descriptor: number, { size, dev }: Stats) {
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.fileDescriptor = offerDescriptor(descriptor, dev);
    this.isInMemory = isInMemory(dev);
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
