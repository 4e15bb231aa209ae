/** Which file systems are on this machine, rather than behind a network. */
import { promises, statfsSync } from "node:fs";
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

const known = new Map<number, boolean>();

/**
 * Offers a descriptor to the data paths, which use it on the event loop's thread: only where the
 * file is local. On a network share a single read can hang for minutes, and all sessions with it.
 *
 * @param device the file's `dev`.
 */
export function offerDescriptor(descriptor: number, device: number): number | undefined {
  let local = known.get(device);
  if (local === undefined) {
    local = isLocal(descriptor);
    known.set(device, local);
  }
  return local ? descriptor : undefined;
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

function isLocal(descriptor: number): boolean {
  if (process.platform !== "linux") return true;
  try {
    // The kernel's field is a signed word on some machines.
    return !REMOTE.has(statfsSync(`/proc/self/fd/${String(descriptor)}`).type >>> 0);
  } catch {
    // Unknown: the way through the thread pool is right everywhere.
    return false;
  }
}
