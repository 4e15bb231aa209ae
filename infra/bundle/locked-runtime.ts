/** The Node that machines run: the one that the lockfile pins. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BundleError } from "./errors.ts";

/** Processors that Azure's machines have and Node 24 is on npm for, in Node's spelling. */
export const ARCHITECTURES = ["x64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** An npm package as the lockfile pins it. */
export interface LockedPackage {
  readonly packageName: string;
  readonly version: string;
  /** Subresource integrity of the package's archive, `sha512-…`. */
  readonly integrity: string;
}

/** What the lockfile says about the runtime of one architecture: the package of Node's binary. */
export interface LockedRuntime extends LockedPackage {
  readonly architecture: Architecture;
  /** The library for system calls that Node has no function for; the server runs without it too. */
  readonly native: LockedPackage;
  /** Changes whenever the archive would. */
  readonly key: string;
}

/** @throws BundleError when the lockfile does not pin the runtime. */
export async function readLockedRuntime(
  root: string,
  architecture: Architecture,
): Promise<LockedRuntime> {
  const runtime = await readLockedPackage(root, `node-linux-${architecture}`);
  const native = await readLockedPackage(root, `@koromix/koffi-linux-${architecture}`);
  const key = createHash("sha256")
    .update(JSON.stringify([runtime, native, process.versions["zstd"] ?? ""]))
    .digest("hex");
  return { architecture, ...runtime, native, key };
}

async function readLockedPackage(root: string, packageName: string): Promise<LockedPackage> {
  const locked = await readLockEntry(join(root, "package-lock.json"), packageName);
  if (locked === undefined) {
    throw new BundleError(
      `package-lock.json does not pin ${packageName} with an integrity; restore it from the repository.`,
    );
  }
  return { packageName, ...locked };
}

/** Version and integrity of a package in a lockfile, or in npm's record of what it installed. */
export async function readLockEntry(
  lockfile: string,
  packageName: string,
): Promise<{ readonly version: string; readonly integrity: string } | undefined> {
  const lock: unknown = JSON.parse(await readFile(lockfile, "utf8"));
  const entry = property(property(lock, "packages"), `node_modules/${packageName}`);
  const version = property(entry, "version");
  const integrity = property(entry, "integrity");
  return typeof version === "string" && typeof integrity === "string"
    ? { version, integrity }
    : undefined;
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}
