/**
 * From the path that a client sees to the path that rules are about and to the folder that keeps
 * the file. Pure text: paths come in absolute and normalised (`protocol/paths.ts`) and leave so.
 *
 *     client /a.txt ─► home /LocalUser/ann ─► site path /LocalUser/ann/a.txt ─► folder + path
 *     client /pub/a ─► virtual directory /pub ─► site path /pub/a ─► its folder + /a
 */
import type { VirtualDirectory } from "#contract";
import { joinPath, parentOf, nameOf, pathBelow, prefixPath } from "../protocol/paths.ts";
import type { Home } from "./isolation.ts";
import { planPathTree } from "./path-tree.ts";

/** Where a client's path leads. */
export interface MappedPath {
  /** Path of the site: what authorization and address rules are about. */
  readonly sitePath: string;
  /** Folder below the data folder whose storage keeps it: the site's root or a virtual directory's. */
  readonly folder: string;
  /** Path inside that storage. */
  readonly storagePath: string;
  /**
   * Folder in that storage which nothing may lead out of, links included: the home of an account
   * that is confined, `/` for whoever sees all of it. Holds `storagePath`.
   */
  readonly confinement: string;
  /** True for `/` and the paths of virtual directories: never to be renamed or removed. */
  readonly isMountPoint: boolean;
}

/** What virtual directories change in the listing of a folder. */
export interface ListingOverlay {
  /** Shown in addition, with the path where each one can be asked about. */
  readonly added: readonly { readonly name: string; readonly clientPath: string }[];
  /** Names of the folder itself to leave out: virtual directories, shown or hidden, cover them. */
  readonly covered: ReadonlySet<string>;
}

export interface PathMapping {
  /** @param clientPath absolute, normalised, as the client sees it. */
  map(clientPath: string): MappedPath;
  overlay(clientFolder: string): ListingOverlay;
}

const NO_OVERLAYS: ReadonlyMap<string, ListingOverlay> = new Map();
const NO_OVERLAY: ListingOverlay = { added: [], covered: new Set() };

/** A virtual directory at the place where the client sees it. */
interface Mount {
  readonly clientPath: string;
  readonly directory: VirtualDirectory;
}

/**
 * Compiles what one account sees of a site.
 *
 * @param siteRoot folder of the site below the data folder.
 */
export function planPathMapping(
  siteRoot: string,
  virtualDirectories: readonly VirtualDirectory[],
  home: Home,
): PathMapping {
  // A home may itself lie in a virtual directory: its content is what the client sees as `/`.
  const site = planPathTree(
    new Map(virtualDirectories.map((directory) => [directory.path, directory])),
  );
  const mounts = visibleMounts(virtualDirectories, home);
  const tree = planPathTree(new Map(mounts.map((mount) => [mount.clientPath, mount])));
  const overlays = mounts.length === 0 ? NO_OVERLAYS : planOverlays(mounts);

  return {
    map: (clientPath) => {
      const mount = tree.nearest(clientPath)?.value;
      if (mount !== undefined) {
        const inside = pathBelow(mount.clientPath, clientPath);
        return {
          sitePath: prefixPath(mount.directory.path, inside),
          folder: mount.directory.folder,
          storagePath: inside,
          confinement: "/",
          isMountPoint: inside === "/",
        };
      }
      const sitePath = prefixPath(home.root, clientPath);
      // Only the virtual directory that holds the home: those inside it are mounts, or, with
      // global virtual directories, not there.
      const around = site.nearest(home.root)?.value;
      const toStorage = (path: string): string =>
        around === undefined ? path : pathBelow(around.path, path);
      return {
        sitePath,
        folder: around?.folder ?? siteRoot,
        storagePath: toStorage(sitePath),
        confinement: home.confined ? toStorage(home.root) : "/",
        isMountPoint: clientPath === "/",
      };
    },
    overlay: (clientFolder) => overlays.get(clientFolder) ?? NO_OVERLAY,
  };
}

/**
 * Virtual directories at the place where the client sees them. Whoever is confined sees those
 * below its home; with global ones, as in IIS, those at the root of the site (and inside them)
 * instead, except one that holds the home itself.
 */
function visibleMounts(directories: readonly VirtualDirectory[], home: Home): readonly Mount[] {
  if (home.root === "/") {
    return directories.map((directory) => ({ clientPath: directory.path, directory }));
  }
  if (!home.globalVirtualDirectories) {
    return directories
      .filter(({ path }) => path.startsWith(`${home.root}/`))
      .map((directory) => ({ clientPath: pathBelow(home.root, directory.path), directory }));
  }
  const atRoot = directories
    .map(({ path }) => path)
    .filter((path) => parentOf(path) === "/" && !`${home.root}/`.startsWith(`${path}/`));
  return directories
    .filter(({ path }) => atRoot.some((global) => `${path}/`.startsWith(`${global}/`)))
    .map((directory) => ({ clientPath: directory.path, directory }));
}

function planOverlays(mounts: readonly Mount[]): ReadonlyMap<string, ListingOverlay> {
  const byFolder = Map.groupBy(mounts, ({ clientPath }) => parentOf(clientPath));
  return new Map(
    [...byFolder].map(([folder, inside]) => [
      folder,
      {
        added: inside
          .filter(({ directory }) => !directory.hidden)
          .map(({ clientPath }) => nameOf(clientPath))
          .toSorted()
          .map((name) => ({ name, clientPath: joinPath(folder, name) })),
        covered: new Set(inside.map(({ clientPath }) => nameOf(clientPath))),
      },
    ]),
  );
}
