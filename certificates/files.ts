/** The folder of certificates that the server reads: each file changes whole or not at all. */
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CertificateError, reasonOf } from "./errors.ts";
import { parsePem, type CertificateFile } from "./pem.ts";

const SUFFIX = ".pem";
/** The server reads them by its group, which the folder passes on (setgid). */
const MODE = 0o640;

export const certificatePath = (folder: string, name: string): string =>
  join(folder, `${name}${SUFFIX}`);

/** Reads a certificate that is there and usable as a file; undefined otherwise. */
export async function readCertificate(file: string): Promise<CertificateFile | undefined> {
  try {
    return parsePem(await readFile(file, "utf8"), file);
  } catch (error) {
    // Absent or broken makes no difference: a new one is to be put in its place.
    if (error instanceof CertificateError || isSystemError(error)) return undefined;
    throw error;
  }
}

/**
 * Puts a certificate in place of another.
 *
 * @returns false when that very one is there already.
 */
export async function writeCertificate(
  folder: string,
  name: string,
  { pem }: CertificateFile,
): Promise<boolean> {
  const file = certificatePath(folder, name);
  if ((await readFile(file, "utf8").catch(() => undefined)) === pem) return false;
  await writeWhole(file, pem, MODE);
  return true;
}

/** Removes the files of certificates that nobody declares any more. */
export async function removeOthers(folder: string, names: readonly string[]): Promise<void> {
  const kept = new Set(names.map((name) => `${name}${SUFFIX}`));
  for (const entry of await readdir(folder)) {
    if (entry.endsWith(SUFFIX) && !kept.has(entry)) await rm(join(folder, entry), { force: true });
  }
}

/** @throws CertificateError when the folder does not take it. */
export async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const unfinished = `${file}.new`;
  try {
    await rm(unfinished, { force: true });
    const handle = await open(unfinished, "wx", mode);
    try {
      // The mode given to open() is cut by the umask.
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  } catch (error) {
    throw new CertificateError(
      "file",
      `${file} cannot be written: ${reasonOf(error)}`,
      "check that the folder is there, belongs to root and has space left",
      { cause: error },
    );
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}
