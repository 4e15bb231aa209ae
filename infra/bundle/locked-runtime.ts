/** The Node that machines run: the one that the lockfile pins. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BundleError } from "./errors.ts";

/** Processors that Azure's machines have and Node 24 is on npm for, in Node's spelling. */
export const ARCHITECTURES = ["x64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** What the lockfile says about the runtime of one architecture. */
export interface LockedRuntime {
  readonly architecture: Architecture;
  /** Name of the npm package that carries the binary. */
  readonly packageName: string;
  readonly version: string;
  /** Subresource integrity of the package's archive, `sha512-…`. */
  readonly integrity: string;
  /** Changes whenever the archive would. */
  readonly key: string;
}

/** @throws BundleError when the lockfile does not pin the runtime. */
export async function readLockedRuntime(
  root: string,
  architecture: Architecture,
): Promise<LockedRuntime> {
  const packageName = `node-linux-${architecture}`;
  const locked = await readLockEntry(join(root, "package-lock.json"), packageName);
  if (locked === undefined) {
    throw new BundleError(
      `package-lock.json does not pin ${packageName} with an integrity; restore it from the repository.`,
    );
  }
  const key = createHash("sha256")
    .update(JSON.stringify([packageName, locked, process.versions["zstd"] ?? ""]))
    .digest("hex");
  return { architecture, packageName, ...locked, key };
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
