/** A file as a block device, for as long as this process keeps it. */
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { mustRun } from "../programs.ts";
import type { DataDisk } from "./specification.ts";

export interface LoopDevice extends AsyncDisposable {
  /** For example `/dev/loop0`. */
  readonly device: string;
}

/** Attaches a disk's file, blank and sparse when it is new. */
export async function openLoopDevice({ file, bytes }: DataDisk): Promise<LoopDevice> {
  await mkdir(dirname(file), { recursive: true });
  await grow(file, bytes);
  const device = (await mustRun(["losetup", "--find", "--show", "--", file])).trim();
  const held = await open(device);
  // Takes effect when nobody has it open any more: no crash can leave it behind.
  await mustRun(["losetup", "--detach", device]);
  return { device, [Symbol.asyncDispose]: () => held.close() };
}

async function grow(file: string, bytes: number): Promise<void> {
  await using handle: FileHandle = await open(file, "a", 0o600);
  const { size } = await handle.stat();
  if (size < bytes) await handle.truncate(bytes);
}
