/**
 * Calls to the file system, each in the cheaper of two ways: at once on this thread while the disk
 * is fast, through the thread pool while it is not.
 *
 * A call that the page cache answers takes microseconds, less than the hop through the pool. On a
 * network file system or a busy disk the same call would stall every other session, so the first
 * slow one moves all further calls to the pool for a while.
 */
import fs from "node:fs";
import { promisify } from "node:util";
import { codeOf } from "./errors.ts";
import type { DiskPace } from "../data/disk-pace.ts";

/** Linux' flag for a descriptor that names a place without opening what is there. */
export const O_PATH = 0x20_0000;

/** The call in the way that the disk's pace allows. */
function paced<A extends readonly unknown[], T>(
  pace: DiskPace,
  atOnce: (...args: A) => T,
  pooled: (...args: A) => Promise<T>,
): (...args: A) => Promise<T> {
  return async (...args) => (pace.isFast ? pace.measure(() => atOnce(...args)) : pooled(...args));
}

/** As `throwIfNoEntry: false` understands it: ENOTDIR as well. */
function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** The calls that the adapter makes, bound to one pace. */
export type DiskCalls = ReturnType<typeof bindDiskCalls>;

export function bindDiskCalls(pace: DiskPace) {
  const { promises } = fs;
  return {
    realpath: paced(
      pace,
      (path: string) => fs.realpathSync.native(path),
      promisify((path: string, done: (error: Error | null, real: string) => void) =>
        fs.realpath.native(path, done),
      ),
    ),
    lstat: paced(
      pace,
      (path: string) => fs.lstatSync(path),
      (path) => promises.lstat(path),
    ),
    /** Undefined when nothing is there: an error would cost more than the call. */
    find: paced(
      pace,
      (path: string) => fs.lstatSync(path, { throwIfNoEntry: false }),
      async (path): Promise<fs.Stats | undefined> => {
        try {
          return await promises.lstat(path);
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      },
    ),
    open: paced(
      pace,
      (path: string, flags: number, mode: number) => fs.openSync(path, flags, mode),
      promisify(
        (
          path: string,
          flags: number,
          mode: number,
          done: (error: Error | null, descriptor: number) => void,
        ) => fs.open(path, flags, mode, done),
      ),
    ),
    close: paced(pace, (descriptor: number) => fs.closeSync(descriptor), promisify(fs.close)),
    fstat: paced(
      pace,
      (descriptor: number) => fs.fstatSync(descriptor),
      promisify((descriptor: number, done: (error: Error | null, stats: fs.Stats) => void) =>
        fs.fstat(descriptor, done),
      ),
    ),
    /** Waits for the disk by its nature, so never on this thread. */
    sync: promisify(fs.fsync),
    /** The bytes and the size of a file, without its other facts. */
    syncContent: promisify(fs.fdatasync),
    /** A descriptor that names a folder; needs the right to pass through it, not to read it. */
    openFolder: paced(
      pace,
      (path: string) => fs.openSync(path, O_PATH | fs.constants.O_DIRECTORY),
      promisify((path: string, done: (error: Error | null, descriptor: number) => void) =>
        fs.open(path, O_PATH | fs.constants.O_DIRECTORY, done),
      ),
    ),
    access: paced(
      pace,
      (path: string, mode: number) => fs.accessSync(path, mode),
      (path, mode) => promises.access(path, mode),
    ),
    truncate: paced(
      pace,
      (descriptor: number, bytes: number) => fs.ftruncateSync(descriptor, bytes),
      promisify((descriptor: number, bytes: number, done: (error: Error | null) => void) =>
        fs.ftruncate(descriptor, bytes, done),
      ),
    ),
    read: paced(
      pace,
      (descriptor: number, buffer: Uint8Array, position: number) =>
        fs.readSync(descriptor, buffer, 0, buffer.length, position),
      promisify(
        (
          descriptor: number,
          buffer: Uint8Array,
          position: number,
          done: (error: Error | null, bytes: number) => void,
        ) => fs.read(descriptor, buffer, 0, buffer.length, position, done),
      ),
    ),
    write: paced(
      pace,
      (descriptor: number, buffer: Uint8Array, position: number) =>
        fs.writeSync(descriptor, buffer, 0, buffer.length, position),
      promisify(
        (
          descriptor: number,
          buffer: Uint8Array,
          position: number,
          done: (error: Error | null, bytes: number) => void,
        ) => fs.write(descriptor, buffer, 0, buffer.length, position, done),
      ),
    ),
    rename: paced(
      pace,
      (from: string, to: string) => fs.renameSync(from, to),
      (from, to) => promises.rename(from, to),
    ),
    link: paced(
      pace,
      (from: string, to: string) => fs.linkSync(from, to),
      (from, to) => promises.link(from, to),
    ),
    unlink: paced(
      pace,
      (path: string) => fs.unlinkSync(path),
      (path) => promises.unlink(path),
    ),
    rmdir: paced(
      pace,
      (path: string) => fs.rmdirSync(path),
      (path) => promises.rmdir(path),
    ),
    mkdir: paced(
      pace,
      (path: string) => fs.mkdirSync(path),
      (path) => promises.mkdir(path),
    ),
    lutimes: paced(
      pace,
      (path: string, atime: Date, mtime: Date) => fs.lutimesSync(path, atime, mtime),
      (path, atime, mtime) => promises.lutimes(path, atime, mtime),
    ),
    chmod: paced(
      pace,
      (path: string, mode: number) => fs.chmodSync(path, mode),
      (path, mode) => promises.chmod(path, mode),
    ),
  };
}
