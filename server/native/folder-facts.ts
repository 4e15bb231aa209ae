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

type FindFacts = (folder: number, name: string) => FactsInFolder | undefined;

/** Binds `SystemCalls.factsInFolder`. */
export function bindFolderFacts(libc: NativeLibrary): FindFacts {
  try {
    return bindStatx(libc);
  } catch {
    // An older C library: the other calls are worth having all the same.
    return () => undefined;
  }
}

function bindStatx(libc: NativeLibrary): FindFacts {
  const statx = libc.func("statx", "int", ["int", "str", "int", "unsigned int", "void *"]);
  const words = new Uint32Array(STATX_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  const signed = new Int32Array(words.buffer);
  const word = (at: number): number => words[at] ?? 0;
  const long = (at: number): number => word(at) + word(at + 1) * WORD;
  return (folder, name) => {
    if (statx(folder, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, words) !== 0) return undefined;
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

/** makedev(3): the minor's lower 8 bits, the major, of which Linux has 12 bits, and the minor's rest. */
function toDevice(major: number, minor: number): number {
  return (minor & 0xff) + major * 0x100 + Math.floor(minor / 0x100) * 0x10_0000;
}
