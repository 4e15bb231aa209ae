/** What a folder holds, asked for by names relative to its descriptor. */
import type { NativeLibrary } from "./koffi.ts";

/** As `Stats` of `node:fs` has them. */
export interface FactsInFolder {
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly dev: number;
  readonly ino: number;
}

// statx(2): which facts are asked for, and where they lie in its struct, in words of 32 bits.
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
const AT = {
  mode: 7,
  inode: 8,
  size: 10,
  modifiedSeconds: 28,
  modifiedNanoseconds: 30,
  deviceMajor: 34,
  deviceMinor: 35,
} as const;

const WORD = 2 ** 32;

/** Binds `SystemCalls.factsInFolder`. */
export function bindFolderFacts(
  libc: NativeLibrary,
): (folder: number, name: string) => FactsInFolder | undefined {
  const statx = libc.func("statx", "int", ["int", "str", "int", "unsigned int", "void *"]);
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  const words = new Uint32Array(STATX_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  const signed = new Int32Array(words.buffer);
  const word = (at: number): number => words[at] ?? 0;
  const long = (at: number): number => word(at) + word(at + 1) * WORD;
  return (folder, name) => {
    if (statx(folder, name, flags, STATX_BASIC_STATS, words) !== 0) return undefined;
    const seconds = word(AT.modifiedSeconds) + (signed[AT.modifiedSeconds + 1] ?? 0) * WORD;
    return {
      // The other half of its word is spare.
      mode: word(AT.mode) & 0xffff,
      size: long(AT.size),
      mtimeMs: seconds * 1000 + word(AT.modifiedNanoseconds) / 1e6,
      dev: toDevice(word(AT.deviceMajor), word(AT.deviceMinor)),
      ino: long(AT.inode),
    };
  };
}

/** makedev(3): the lower 12 bits of the one around the lower 8 of the other, and the rest above. */
function toDevice(major: number, minor: number): number {
  const lower = ((major & 0xfff) << 8) | (minor & 0xff);
  const upper = Math.floor(major / 0x1000) * WORD + Math.floor(minor / 0x100) * 0x10_0000;
  return lower + upper;
}
