/**
 * From virtual paths to places on the disk that never lie outside a fence: the root of the storage,
 * or the home of an account that is confined to it. What counts is where a place really is when it
 * is used, so a link that leads out, or that was moved until it does, is of no use to anybody.
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

/** The folder that paths begin at and that no operation leaves. */
export interface Fence {
  /** Absolute, with links resolved. */
  readonly root: string;
  /**
   * Whether no client can reach what is above the root. A home can be renamed, and a link take its
   * place, by somebody who sees more of the site: such a root is held and checked each time.
   */
  readonly isFixed: boolean;
}

const DESCRIPTORS = "/proc/self/fd";
const hasDescriptorPaths = process.platform === "linux" && existsSync(DESCRIPTORS);

/** The path of what a descriptor holds; undefined where there is no /proc. */
export function descriptorPath(descriptor: number): string | undefined {
  return hasDescriptorPaths ? `${DESCRIPTORS}/${String(descriptor)}` : undefined;
}

/**
 * Finds the place of `virtualPath` inside the fence. Symbolic links on the way are followed as long
 * as they stay inside; the last name is not followed here.
 *
 * @throws StorageError `invalidName`, `denied` for a way out, `notFound`.
 */
export async function locate(
  calls: DiskCalls,
  fence: Fence,
  virtualPath: string,
): Promise<DiskPlace> {
  const names = namesOf(virtualPath);
  return placeBelow(calls, fence, names, names.pop() ?? "");
}

/** Finds the folder at `virtualPath` itself, links followed: a place in it with the name "". */
export async function locateFolder(
  calls: DiskCalls,
  fence: Fence,
  virtualPath: string,
): Promise<DiskPlace> {
  return placeBelow(calls, fence, namesOf(virtualPath), "");
}

/** Where the symbolic link at `place` leads to. @throws StorageError as `locate` does. */
export async function locateTarget(
  calls: DiskCalls,
  fence: Fence,
  place: DiskPlace,
): Promise<DiskPlace> {
  const real = await calls.realpath(place.path);
  requireInside(fence, real);
  return locate(calls, fence, pathInside(fence, real));
}

/** The virtual path of what lies at `real` inside the fence. */
export function pathInside({ root }: Fence, real: string): string {
  return real.slice(root.length).replaceAll(sep, "/");
}

/** The fence around a folder that is itself inside another one. @throws StorageError */
export async function fenceIn(calls: DiskCalls, outer: Fence, virtualPath: string): Promise<Fence> {
  const names = namesOf(virtualPath);
  if (names.length === 0) return outer;
  const root = await calls.realpath(join(outer.root, names.join(sep)));
  requireInside(outer, root);
  return { root, isFixed: false };
}

async function placeBelow(
  calls: DiskCalls,
  fence: Fence,
  folders: readonly string[],
  name: string,
): Promise<DiskPlace> {
  if (folders.length === 0 && fence.isFixed) return fixedPlace(fence.root, name);
  return placeIn(await holdFolder(calls, fence, folders.join(sep)), name);
}

/** Whether the place's real path still leads to its folder, which others may have moved meanwhile. */
export function realPathHolds({ folder, realPath }: DiskPlace): boolean {
  return !folder.startsWith(DESCRIPTORS) || readlinkSync(folder) === realPath;
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

async function holdFolder(calls: DiskCalls, fence: Fence, inside: string): Promise<HeldFolder> {
  const path = inside === "" ? fence.root : join(fence.root, inside);
  if (!hasDescriptorPaths) {
    const realPath = await calls.realpath(path);
    requireInside(fence, realPath);
    return { path: realPath, realPath, [Symbol.dispose]: () => undefined };
  }
  const descriptor = await calls.openFolder(path);
  const held = `${DESCRIPTORS}/${String(descriptor)}`;
  try {
    const realPath = readlinkSync(held);
    requireInside(fence, realPath);
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

function requireInside({ root }: Fence, real: string): void {
  const below = root.endsWith(sep) ? root : root + sep;
  if (real !== root && !real.startsWith(below)) {
    throw new StorageError("denied", { reason: "a symbolic link leads out of what is served" });
  }
}
