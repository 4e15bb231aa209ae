/** The `runtime` archive: the pinned Node for one architecture, its native library, their licences. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import tar from "tar-stream";
import { BUNDLE_LAYOUT } from "#contract";
import { writeArchive, type Archive, type ArchiveEntry } from "./archive.ts";
import { BundleError } from "./errors.ts";
import { KOFFI_LICENSE } from "./koffi-license.ts";
import {
  readLockEntry,
  type Architecture,
  type LockedPackage,
  type LockedRuntime,
} from "./locked-runtime.ts";

/** What the archive takes out of an npm package: path there → path here. */
type Taken = ReadonlyMap<string, string>;

const TAKEN_OF_NODE: Taken = new Map([
  ["bin/node", BUNDLE_LAYOUT.node],
  ["LICENSE", "licenses/node.txt"],
]);

/** Beside Node's binary, where the server looks for it (server/native/system-calls.ts). */
const takenOfNative = (architecture: Architecture): Taken =>
  new Map([[`linux_${architecture}/koffi.node`, join(dirname(BUNDLE_LAYOUT.node), "koffi.node")]]);

const REPORT_EVERY_MILLISECONDS = 2000;

/**
 * Packs the runtime: from `node_modules` where the locked install has put its packages, or else
 * (another architecture) from npm, after what came has matched the lockfile's integrity.
 */
export async function buildRuntimeArchive(
  root: string,
  folder: string,
  runtime: LockedRuntime,
  report: (line: string) => void,
): Promise<Archive> {
  const scratch = await mkdtemp(join(tmpdir(), "gangway-runtime-"));
  try {
    const entries: ArchiveEntry[] = [
      { path: "licenses/koffi.txt", text: KOFFI_LICENSE, executable: false },
    ];
    const parts = [
      [runtime, TAKEN_OF_NODE],
      [runtime.native, takenOfNative(runtime.architecture)],
    ] as const;
    for (const [locked, taken] of parts) {
      const source = await obtain(root, locked, taken, scratch, report);
      for (const [from, path] of taken) {
        const executable = path === BUNDLE_LAYOUT.node;
        entries.push({ path, file: join(source, from), executable });
      }
    }
    return await writeArchive(folder, `runtime-${runtime.architecture}`, entries);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The folder that holds what is taken of a package. */
async function obtain(
  root: string,
  locked: LockedPackage,
  taken: Taken,
  scratch: string,
  report: (line: string) => void,
): Promise<string> {
  if (await isInstalled(root, locked, taken)) return join(root, "node_modules", locked.packageName);
  const download = await fetchPackage(locked, scratch, report);
  await verify(download, locked);
  await unpack(download, scratch, taken);
  return scratch;
}

/** npm checked the integrity when it installed; its record says which one that was. */
async function isInstalled(root: string, locked: LockedPackage, taken: Taken): Promise<boolean> {
  const modules = join(root, "node_modules");
  try {
    for (const path of taken.keys()) await access(join(modules, locked.packageName, path));
    const installed = await readLockEntry(join(modules, ".package-lock.json"), locked.packageName);
    return installed?.integrity === locked.integrity;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

/** Downloads the package's archive with npm, which knows the person's registry and cache. */
async function fetchPackage(
  { packageName, version }: LockedPackage,
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
  // npm names the archive of a scoped package so.
  const name = packageName.replace("@", "").replace("/", "-");
  return join(scratch, `${name}-${version}.tgz`);
}

async function verify(download: string, { packageName, integrity }: LockedPackage): Promise<void> {
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
async function unpack(download: string, scratch: string, taken: Taken): Promise<void> {
  const extract = tar.extract();
  const reading = pipeline(createReadStream(download), createGunzip(), extract);
  for await (const entry of extract) {
    const path = entry.header.name.replace(/^[^/]+\//, "");
    if (taken.has(path)) {
      await mkdir(dirname(join(scratch, path)), { recursive: true });
      await pipeline(entry, createWriteStream(join(scratch, path)));
    } else entry.resume();
  }
  await reading;
}
