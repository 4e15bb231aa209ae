/**
 * From virtual paths to places on the disk that never lie outside the root.
 *
 * A path that is checked and then used can change in between: clients cannot make symbolic links,
 * but they can rename one that is there into the place of a folder. So the folder of a place is
 * held open, asked where it really is, and used through its descriptor from then on
 * (`/proc/self/fd/N/NAME`), which stays that very folder whatever is renamed. Where there is no
 * /proc, the real path is used, with that gap.
 */
import { closeSync, existsSync, readlinkSync } from "node:fs";
import { sep } from "node:path";
import type { DiskCalls } from "./disk-calls.ts";
import { isPartialName } from "./partial-names.ts";
import { StorageError } from "./storage.ts";

/** A place on the disk: a folder and the name in it; the root itself has the name "". */
export interface DiskPlace extends Disposable {
  /** The folder, for the file system; valid until the place is disposed. */
  readonly folder: string;
  readonly name: string;
  /** The name in the folder, for the file system; valid until the place is disposed. */
  readonly path: string;
  /** Absolute path with links resolved up to the folder: the identity of the place. */
  readonly realPath: string;
}

const DESCRIPTORS = "/proc/self/fd";
const hasDescriptorPaths = process.platform === "linux" && existsSync(DESCRIPTORS);

/**
 * Finds the place of `virtualPath` below `root`. Symbolic links on the way are followed as long as
 * they stay inside; the last name is not followed here.
 *
 * @param root absolute, with links resolved.
 * @throws StorageError `invalidName`, `denied` for a way out of the root, `notFound`.
 */
export async function locate(
  calls: DiskCalls,
  root: string,
  virtualPath: string,
): Promise<DiskPlace> {
  const names = namesOf(virtualPath);
  const name = names.pop();
  if (name === undefined) return fixedPlace(root, "");
  // The root stays where it is: no client can reach what is above it.
  if (names.length === 0) return fixedPlace(root, name);
  return placeIn(await holdFolder(calls, root, join(root, names.join(sep))), name);
}

/** Finds the folder at `virtualPath` itself, links followed: a place in it with the name "". */
export async function locateFolder(
  calls: DiskCalls,
  root: string,
  virtualPath: string,
): Promise<DiskPlace> {
  const names = namesOf(virtualPath);
  if (names.length === 0) return fixedPlace(root, "");
  return placeIn(await holdFolder(calls, root, join(root, names.join(sep))), "");
}

/** Where the symbolic link at `place` leads to. @throws StorageError as `locate` does. */
export async function locateTarget(
  calls: DiskCalls,
  root: string,
  place: DiskPlace,
): Promise<DiskPlace> {
  const real = await calls.realpath(place.path);
  requireInside(root, real);
  return locate(calls, root, real.slice(root.length).replaceAll(sep, "/"));
}

/** Names that can exist: `locate` lets no other one reach the disk, and listings show no other. */
export function isSafeName(name: string): boolean {
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    !/[/\u0000\r\n]/u.test(name) &&
    !isPartialName(name) &&
    (sep === "/" || !name.includes(sep))
  );
}

export function join(folder: string, name: string): string {
  return folder.endsWith(sep) ? folder + name : folder + sep + name;
}

function namesOf(virtualPath: string): string[] {
  const names = virtualPath.split("/").filter((name) => name !== "");
  if (names.some((name) => !isSafeName(name))) throw new StorageError("invalidName");
  return names;
}

interface HeldFolder extends Disposable {
  readonly path: string;
  readonly realPath: string;
}

async function holdFolder(calls: DiskCalls, root: string, path: string): Promise<HeldFolder> {
  if (!hasDescriptorPaths) {
    const realPath = await calls.realpath(path);
    requireInside(root, realPath);
    return { path: realPath, realPath, [Symbol.dispose]: () => undefined };
  }
  const descriptor = await calls.openFolder(path);
  const held = `${DESCRIPTORS}/${String(descriptor)}`;
  try {
    const realPath = readlinkSync(held);
    requireInside(root, realPath);
    return { path: held, realPath, [Symbol.dispose]: () => closeSync(descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function placeIn(folder: HeldFolder, name: string): DiskPlace {
  let held = true;
  return {
    folder: folder.path,
    name,
    path: name === "" ? `${folder.path}${sep}.` : join(folder.path, name),
    realPath: name === "" ? folder.realPath : join(folder.realPath, name),
    [Symbol.dispose]: () => {
      if (held) folder[Symbol.dispose]();
      held = false;
    },
  };
}

function fixedPlace(root: string, name: string): DiskPlace {
  const path = name === "" ? root : join(root, name);
  return { folder: root, name, path, realPath: path, [Symbol.dispose]: () => undefined };
}

function requireInside(root: string, real: string): void {
  const below = root.endsWith(sep) ? root : root + sep;
  if (real !== root && !real.startsWith(below)) throw new StorageError("denied");
}
