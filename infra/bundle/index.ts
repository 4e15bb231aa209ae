/**
 * Builds what a deployment delivers: the `server` archive (the server in one file and what runs
 * it on the machine; small, changes with the code) and the `runtime` archive (the pinned Node;
 * large, changes rarely). Both are named by their content.
 *
 * Previews run this each time, so a warm cache must answer without loading a bundler.
 */
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Archive } from "./archive.ts";
import { findArchive, hashSources, recordArchive, removeStale } from "./cache.ts";
import { readLockedRuntime, type Architecture } from "./locked-runtime.ts";

export type { Architecture } from "./locked-runtime.ts";

/** An archive on this machine. */
export interface Bundled {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
}

/** What `gangway bundle --json` prints. */
export interface Bundle {
  readonly server: Bundled;
  readonly runtime: Bundled & {
    readonly architecture: Architecture;
    /** Version of Node. */
    readonly version: string;
  };
}

export interface BundleOptions {
  /** Processor of the machine that the archives are for. */
  readonly architecture: Architecture;
  /** Take what was built from the same sources before, and build only what is missing. */
  readonly ifMissing: boolean;
  /** Told of everything that takes more than a moment. */
  readonly report: (line: string) => void;
  /** The checkout to build from; this one unless a test says otherwise. */
  readonly root?: string;
}

/** Everything that the server archive is made from; the lockfile stands for the bundler. */
const SERVER_SOURCES = [
  "server",
  "certificates",
  "infra/machine",
  "infra/bundle",
  "package-lock.json",
];

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Builds both archives, or finds them built. Runs may overlap.
 *
 * @throws BundleError when the sources do not build or the runtime cannot be had.
 */
export async function bundle(options: BundleOptions): Promise<Bundle> {
  const { architecture, report, root = ROOT } = options;
  const folder = join(root, ".gangway", "bundle");
  const runtime = await readLockedRuntime(root, architecture);
  const sources = await hashSources(root, SERVER_SOURCES);
  const server = await obtain(folder, "server", options.ifMissing, sources, async () => {
    const { buildServerArchive } = await import("./server-archive.ts");
    return buildServerArchive(root, folder);
  });
  const name = `runtime-${architecture}`;
  const runtimeArchive = await obtain(folder, name, options.ifMissing, runtime.key, async () => {
    const { buildRuntimeArchive } = await import("./runtime-archive.ts");
    return buildRuntimeArchive(root, folder, runtime, report);
  });
  return {
    server: locate(root, folder, server),
    runtime: { ...locate(root, folder, runtimeArchive), architecture, version: runtime.version },
  };
}

async function obtain(
  folder: string,
  name: string,
  ifMissing: boolean,
  sourceHash: string,
  build: () => Promise<Archive>,
): Promise<Archive> {
  const found = ifMissing ? await findArchive(folder, name, sourceHash) : undefined;
  if (found !== undefined) return found;
  const archive = await build();
  await recordArchive(folder, name, sourceHash, archive);
  await removeStale(folder, Date.now());
  return archive;
}

function locate(root: string, folder: string, { name, sha256, bytes }: Archive): Bundled {
  return { path: relative(root, join(folder, name)).split(sep).join("/"), sha256, bytes };
}
