/** The `runtime` archive: the pinned Node for one architecture, and its licence. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import tar from "tar-stream";
import { BUNDLE_LAYOUT } from "#contract";
import { writeArchive, type Archive } from "./archive.ts";
import { BundleError } from "./errors.ts";
import { readLockEntry, type LockedRuntime } from "./locked-runtime.ts";

/** What the archive takes out of the npm package: path there → path here. */
const TAKEN: ReadonlyMap<string, string> = new Map([
  ["bin/node", BUNDLE_LAYOUT.node],
  ["LICENSE", "licenses/node.txt"],
]);

const REPORT_EVERY_MILLISECONDS = 2000;

/**
 * Packs the runtime: from `node_modules` where the locked install has put it, or else (another
 * architecture) from the npm package, after its archive has matched the lockfile's integrity.
 */
export async function buildRuntimeArchive(
  root: string,
  folder: string,
  runtime: LockedRuntime,
  report: (line: string) => void,
): Promise<Archive> {
  if (await isInstalled(root, runtime)) {
    return pack(folder, runtime, join(root, "node_modules", runtime.packageName));
  }
  const scratch = await mkdtemp(join(tmpdir(), "gangway-runtime-"));
  try {
    const download = await fetchPackage(runtime, scratch, report);
    await verify(download, runtime);
    await unpack(download, scratch);
    return await pack(folder, runtime, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** npm checked the integrity when it installed; its record says which one that was. */
async function isInstalled(root: string, runtime: LockedRuntime): Promise<boolean> {
  const modules = join(root, "node_modules");
  try {
    await access(join(modules, runtime.packageName, "bin", "node"));
    const installed = await readLockEntry(join(modules, ".package-lock.json"), runtime.packageName);
    return installed?.integrity === runtime.integrity;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

function pack(folder: string, { architecture }: LockedRuntime, source: string): Promise<Archive> {
  const entries = [...TAKEN].map(([from, path]) => ({
    path,
    file: join(source, from),
    executable: path === BUNDLE_LAYOUT.node,
  }));
  return writeArchive(folder, `runtime-${architecture}`, entries);
}

/** Downloads the package's archive with npm, which knows the person's registry and cache. */
async function fetchPackage(
  { packageName, version }: LockedRuntime,
  scratch: string,
  report: (line: string) => void,
): Promise<string> {
  const wanted = `${packageName}@${version}`;
  const started = Date.now();
  report(`Fetching ${wanted} …`);
  const ticking = setInterval(() => {
    report(`Fetching ${wanted} … ${String(Math.round((Date.now() - started) / 1000))} s`);
  }, REPORT_EVERY_MILLISECONDS);
  try {
    const npm = spawn("npm", ["pack", wanted, "--pack-destination", scratch], {
      cwd: scratch,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [complaints, exitCode] = await Promise.all([
      text(npm.stderr),
      new Promise<number | null>((resolve, reject) => {
        npm.on("error", reject);
        npm.on("close", resolve);
      }),
    ]);
    if (exitCode !== 0) {
      const reason = complaints.split("\n").find((line) => /^npm (error|ERR!) [^cA]/.test(line));
      throw new BundleError(
        `npm could not fetch ${wanted}: ${reason?.replace(/^npm \S+ /, "") ?? "no reason given"}\nCheck the network and npm's registry setting, then run the command again.`,
      );
    }
  } finally {
    clearInterval(ticking);
  }
  return join(scratch, `${packageName}-${version}.tgz`);
}

async function verify(download: string, { packageName, integrity }: LockedRuntime): Promise<void> {
  const [algorithm = "", expected = ""] = integrity.split(/-(.*)/s);
  const hash = createHash(algorithm);
  await pipeline(createReadStream(download), hash);
  const actual = hash.digest("base64");
  if (actual !== expected) {
    throw new BundleError(
      `${packageName}: the download has integrity ${algorithm}-${actual}, but package-lock.json pins ${integrity}; it was not used.`,
    );
  }
}

/** Unpacks what the archive takes. Files first, so that both ways of building pack alike. */
async function unpack(download: string, scratch: string): Promise<void> {
  await mkdir(join(scratch, "bin"));
  const extract = tar.extract();
  const reading = pipeline(createReadStream(download), createGunzip(), extract);
  for await (const entry of extract) {
    const path = entry.header.name.replace(/^[^/]+\//, "");
    if (TAKEN.has(path)) await pipeline(entry, createWriteStream(join(scratch, path)));
    else entry.resume();
  }
  await reading;
}
