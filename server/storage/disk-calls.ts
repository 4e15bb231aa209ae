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
import type { DiskPace } from "../data/disk-pace.ts";

/** The call in the way that the disk's pace allows. */
function paced<A extends readonly unknown[], T>(
  pace: DiskPace,
  atOnce: (...args: A) => T,
  pooled: (...args: A) => Promise<T>,
): (...args: A) => Promise<T> {
  return async (...args) => (pace.isFast ? pace.measure(() => atOnce(...args)) : pooled(...args));
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
    stat: paced(
      pace,
      (path: string) => fs.statSync(path),
      (path) => promises.stat(path),
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
    sync: paced(pace, (descriptor: number) => fs.fsyncSync(descriptor), promisify(fs.fsync)),
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
    utimes: paced(
      pace,
      (path: string, atime: Date, mtime: Date) => fs.utimesSync(path, atime, mtime),
      (path, atime, mtime) => promises.utimes(path, atime, mtime),
    ),
    chmod: paced(
      pace,
      (path: string, mode: number) => fs.chmodSync(path, mode),
      (path, mode) => promises.chmod(path, mode),
    ),
  };
}
