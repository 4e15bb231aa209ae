/** The folder that a login begins in: found, or made where the settings say so. */
import type { Home } from "../access/isolation.ts";
import { planPathMapping, type MappedPath } from "../access/path-mapping.ts";
import { parentOf } from "../protocol/paths.ts";
import { StorageError, type Storage } from "../storage/storage.ts";
import { storageOf } from "./principal.ts";
import type { SiteView } from "./view.ts";

/** What is wrong with a home, once it was made where that is asked for. */
export function prepareHome(
  site: SiteView,
  { root, whenMissing }: Home,
): Promise<StorageError | undefined> {
  const { folder, storagePath } = locateHome(site, root);
  const storage = storageOf(site, folder);
  return whenMissing === "create" ? makeHome(storage, storagePath) : findHome(storage, storagePath);
}

/** Where a home lies: its path of the site, as somebody sees it who is not confined. */
function locateHome(site: SiteView, root: string): MappedPath {
  const { settings } = site;
  return planPathMapping(settings.root, settings.virtualDirectories, WHOLE_SITE).map(root);
}

const WHOLE_SITE: Home = {
  root: "/",
  confined: false,
  start: "/",
  whenMissing: "refuse",
  globalVirtualDirectories: true,
};

/** What is wrong with a folder that has to exist. */
export async function findHome(storage: Storage, home: string): Promise<StorageError | undefined> {
  try {
    const entry = await storage.entry(home);
    return entry.kind === "directory" ? undefined : new StorageError("notADirectory");
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return error;
  }
}

/** Makes sure that a home exists, with all folders on the way. */
async function makeHome(storage: Storage, home: string): Promise<StorageError | undefined> {
  const fault = await findHome(storage, home);
  if (fault?.kind !== "notFound" || home === "/") return fault;
  const parentError = await makeHome(storage, parentOf(home));
  if (parentError !== undefined) return parentError;
  try {
    await storage.makeDirectory(home);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    // Another session of the same account may have been faster.
    return error.kind === "exists" ? undefined : error;
  }
  return undefined;
}
