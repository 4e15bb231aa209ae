/**
 * What was built from what: one small record per source hash, beside the archives it names.
 * Everything in the folder can be deleted at any time; the next build writes the same again.
 */
import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Archive } from "./archive.ts";

/** Archives and records that nobody has asked for in this long are removed. */
const KEPT_MILLISECONDS = 30 * 24 * 60 * 60 * 1000;

/** The archive that was built from these sources, if it is still there in full. */
export async function findArchive(
  folder: string,
  name: string,
  sourceHash: string,
): Promise<Archive | undefined> {
  try {
    const recordFile = join(folder, recordName(name, sourceHash));
    const record: unknown = JSON.parse(await readFile(recordFile, "utf8"));
    if (!isArchive(record)) return undefined;
    const archiveFile = join(folder, record.name);
    const { size } = await stat(archiveFile);
    if (size !== record.bytes) return undefined;
    const now = new Date();
    await Promise.all([recordFile, archiveFile].map((file) => utimes(file, now, now)));
    return record;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Remembers that `archive` is what these sources give. */
export async function recordArchive(
  folder: string,
  name: string,
  sourceHash: string,
  archive: Archive,
): Promise<void> {
  const unfinished = join(folder, `.${name}-${randomUUID()}.unfinished`);
  await writeFile(unfinished, `${JSON.stringify(archive)}\n`);
  await rename(unfinished, join(folder, recordName(name, sourceHash)));
}

/** Removes archives and records of long ago, so that the folder does not grow with every edit. */
export async function removeStale(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: now }));
    if (now - mtimeMs > KEPT_MILLISECONDS) await rm(file, { force: true });
  }
}

/**
 * Hashes names and contents of every file below `paths` (files or folders, relative to `root`),
 * in an order that does not depend on the file system.
 */
export async function hashSources(root: string, paths: readonly string[]): Promise<string> {
  const files = (await Promise.all(paths.map((path) => listFiles(join(root, path))))).flat();
  const contents = await Promise.all(
    files.map(async (file) => ({
      path: relative(root, file).split(sep).join("/"),
      content: await readFile(file),
    })),
  );
  const hash = createHash("sha256");
  for (const { path, content } of contents.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${path}\0${String(content.length)}\0`).update(content);
  }
  return hash.digest("hex");
}

async function listFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function recordName(name: string, sourceHash: string): string {
  return `${name}-from-${sourceHash}.json`;
}

function isArchive(value: unknown): value is Archive {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    "sha256" in value &&
    typeof value.sha256 === "string" &&
    "bytes" in value &&
    typeof value.bytes === "number"
  );
}

function isAbsence(error: unknown): boolean {
  return (
    error instanceof SyntaxError ||
    (error instanceof Error && "code" in error && error.code === "ENOENT")
  );
}
