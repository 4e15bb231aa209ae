/** From virtual paths to places on the disk that never lie outside the root. */
import { sep } from "node:path";
import type { DiskCalls } from "./disk-calls.ts";
import { StorageError } from "./storage.ts";

/** Uploads that are not complete yet have names of this form; clients neither see nor reach them. */
export const PARTIAL_PREFIX = ".gangway-partial-";

/** A place on the disk: the real folder and the name in it; the root itself has the name "". */
export interface DiskPlace {
  readonly folder: string;
  readonly name: string;
  /** Absolute path, with symbolic links resolved up to the folder. */
  readonly path: string;
}

/**
 * Finds the place of `virtualPath` below `root`. Symbolic links on the way are followed as long as
 * they stay inside; the last name is not followed here. (Only somebody with access to the disk
 * itself can make links, so there is no race to win over FTP.)
 *
 * @param root absolute, with links resolved.
 * @throws StorageError `invalidName`, `denied` for a way out of the root, `notFound`.
 */
export async function locate(
  calls: DiskCalls,
  root: string,
  virtualPath: string,
): Promise<DiskPlace> {
  const names = virtualPath.split("/").filter((name) => name !== "");
  if (names.some((name) => !isSafeName(name))) throw new StorageError("invalidName");
  const name = names.pop();
  if (name === undefined) return { folder: root, name: "", path: root };
  const folder =
    names.length === 0
      ? root
      : insideOrThrow(root, await calls.realpath(join(root, names.join(sep))));
  return { folder, name, path: join(folder, name) };
}

/** Follows a symbolic link at the place itself; what it leads to must lie inside the root. */
export async function resolveLink(
  calls: DiskCalls,
  root: string,
  place: DiskPlace,
): Promise<string> {
  return place.name === "" ? root : insideOrThrow(root, await calls.realpath(place.path));
}

/** Names that can exist: `locate` lets no other one reach the disk, and listings show no other. */
export function isSafeName(name: string): boolean {
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    !/[/\u0000\r\n]/u.test(name) &&
    !name.startsWith(PARTIAL_PREFIX) &&
    (sep === "/" || !name.includes(sep))
  );
}

export function join(folder: string, name: string): string {
  return folder.endsWith(sep) ? folder + name : folder + sep + name;
}

function insideOrThrow(root: string, real: string): string {
  const below = root.endsWith(sep) ? root : root + sep;
  if (real === root || real.startsWith(below)) return real;
  throw new StorageError("denied");
}
