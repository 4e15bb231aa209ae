/**
 * Paths as clients write them, resolved against the current folder. Pure text: the result is
 * absolute, normalised and never holds `.` or `..`, whatever the argument says. `\` is an ordinary
 * character, as it is in names on the disk.
 */

/** Linux takes no longer path, and no longer name. */
const LONGEST_PATH_BYTES = 4096;
const LONGEST_NAME_BYTES = 255;

export type PathFault = "empty" | "controlCharacter" | "tooLong";

export type ResolvedPath =
  { readonly ok: true; readonly path: string } | { readonly ok: false; readonly fault: PathFault };

/** Resolves `argument` against `folder` (absolute, normalised). `..` of the root is the root. */
export function resolvePath(folder: string, argument: string): ResolvedPath {
  if (argument === "") return { ok: false, fault: "empty" };

  if (/[\u0000\r\n]/u.test(argument)) return { ok: false, fault: "controlCharacter" };
  const segments = argument.startsWith("/") ? [] : segmentsOf(folder);
  for (const segment of argument.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else if (Buffer.byteLength(segment) > LONGEST_NAME_BYTES)
      return { ok: false, fault: "tooLong" };
    else segments.push(segment);
  }
  const path = `/${segments.join("/")}`;
  return Buffer.byteLength(path) > LONGEST_PATH_BYTES
    ? { ok: false, fault: "tooLong" }
    : { ok: true, path };
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/** The folder that holds `path`; of the root, the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** The last segment; of the root, `""`. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The path of `name` inside `folder`. */
export function joinPath(folder: string, name: string): string {
  return folder === "/" ? `/${name}` : `${folder}/${name}`;
}

/** Puts an absolute path below another one: the client's `/a` in the home `/h` is `/h/a`. */
export function prefixPath(prefix: string, path: string): string {
  if (prefix === "/") return path;
  return path === "/" ? prefix : `${prefix}${path}`;
}

/** An absolute path as seen from inside `folder`, which holds it: `/` for the folder itself. */
export function pathBelow(folder: string, path: string): string {
  if (folder === "/") return path;
  return path === folder ? "/" : path.slice(folder.length);
}

/** A path in a 257 reply: quoted, quotes inside doubled (RFC 959 appendix II). */
export function quotePath(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}
