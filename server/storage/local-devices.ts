/** Which file systems are on this machine, rather than behind a network. */
import { promises, statfsSync, statSync } from "node:fs";
import { DiskPace } from "../data/disk-pace.ts";

/** Magic numbers of file systems behind a network or another process (statfs(2)). */
const REMOTE = new Set([
  0x6969, // NFS
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x517b, // SMB
  0x65735546, // FUSE
  0x01021997, // 9P
  0x00c36400, // Ceph
]);

/** Magic numbers of file systems that no file survives a power failure in. */
const IN_MEMORY = new Set([
  0x01021994, // tmpfs
  0x858458f6, // ramfs
]);

/** Magic numbers of file systems whose folders grow in size with their entries. */
const GROWING = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x01021994, // tmpfs
]);

/** One block: two thousand names at most, mostly a few hundred. */
const SMALL_FOLDER_BYTES = 4096;

type DeviceKind = "inMemory" | "local" | "remote";

const known = new Map<number, DeviceKind>();

/**
 * Offers a descriptor to the data paths, which use it on the event loop's thread: only where the
 * file is local. On a network share a single read can hang for minutes, and all sessions with it.
 *
 * @param device the file's `dev`.
 */
export function offerDescriptor(descriptor: number, device: number): number | undefined {
  let kind = known.get(device);
  if (kind === undefined) {
    kind = kindOf(descriptor);
    known.set(device, kind);
  }
  return kind === "remote" ? undefined : descriptor;
}

/**
 * Whether there is no disk to wait for when a file is to be made durable.
 *
 * @param device of a descriptor that has been offered.
 */
export function isInMemory(device: number): boolean {
  return known.get(device) === "inMemory";
}

/** Never at once: a single call to a share whose server is gone would stop all sessions. */
class RemotePace extends DiskPace {
  override get isFast(): boolean {
    return false;
  }
}

/** The pace of the file system that holds `folder`. */
export async function openPace(folder: string): Promise<DiskPace> {
  if (process.platform !== "linux") return new DiskPace();
  const { type } = await promises.statfs(folder);
  return REMOTE.has(type >>> 0) ? new RemotePace() : new DiskPace();
}

const growing = new Map<number, boolean>();

/** Whether a local folder is known to have few entries. @throws the system's error */
export function isSmallFolder(path: string): boolean {
  const { dev, size } = statSync(path);
  if (size > SMALL_FOLDER_BYTES) return false;
  let grows = growing.get(dev);
  if (grows === undefined) {
    grows = process.platform === "linux" && GROWING.has(statfsSync(path).type >>> 0);
    growing.set(dev, grows);
  }
  return grows;
}

function kindOf(descriptor: number): DeviceKind {
  if (process.platform !== "linux") return "local";
  try {
    // The kernel's field is a signed word on some machines.
    const type = statfsSync(`/proc/self/fd/${String(descriptor)}`).type >>> 0;
    return IN_MEMORY.has(type) ? "inMemory" : REMOTE.has(type) ? "remote" : "local";
  } catch {
    // Unknown: the way through the thread pool is right everywhere.
    return "remote";
  }
}
