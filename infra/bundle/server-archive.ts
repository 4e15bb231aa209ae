/** The `server` archive: server and certificate agent in one file each, their units and delivery script, and the licences of what it contains. */
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Metafile } from "esbuild";
import { BUNDLE_LAYOUT } from "#contract";
import { renderUnits } from "../machine/units.ts";
import { writeArchive, type Archive, type ArchiveEntry } from "./archive.ts";
import { BundleError } from "./errors.ts";

const LINE_CHARACTERS = 160;

/** @throws BundleError with the bundler's messages when the sources do not build. */
export async function buildServerArchive(root: string, folder: string): Promise<Archive> {
  const [server, agent] = await Promise.all([
    bundleEntry(root, "server/main.ts"),
    bundleEntry(root, "certificates/main.ts"),
  ]);
  return writeArchive(folder, "server", [
    { path: BUNDLE_LAYOUT.server, text: server.code, executable: false },
    { path: BUNDLE_LAYOUT.certificateAgent, text: agent.code, executable: false },
    ...renderUnits().map(({ name, content }) => ({
      path: name,
      text: content,
      executable: name.endsWith(".sh"),
    })),
    ...(await collectLicenses(root, [server.metafile, agent.metafile])),
  ]);
}

/**
 * Bundles a program of the machine. Node holds its text for good, so blanks are left out (2 MiB of
 * memory less); names stay, and lines are short, so that a stack trace still says where.
 */
async function bundleEntry(
  root: string,
  entry: string,
): Promise<{ code: string; metafile: Metafile }> {
  try {
    const result = await build({
      entryPoints: [entry],
      absWorkingDir: root,
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      format: "esm",
      target: "node24",
      legalComments: "none",
      minifyWhitespace: true,
      minifySyntax: true,
      lineLimit: LINE_CHARACTERS,
      // The names of files stand in the output: the same ones wherever node_modules really is.
      preserveSymlinks: true,
      logLevel: "silent",
    });
    return { code: result.outputFiles[0]?.text ?? "", metafile: result.metafile };
  } catch (error) {
    if (error instanceof Error) {
      throw new BundleError(`${entry} does not build.\n${error.message}`);
    }
    throw error;
  }
}

/** The licence of every package that went into the bundle. */
async function collectLicenses(
  root: string,
  metafiles: readonly Metafile[],
): Promise<ArchiveEntry[]> {
  const packages = new Set(
    metafiles
      .flatMap(({ inputs }) => Object.keys(inputs))
      .flatMap((path) => {
        const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
        return match?.[1] === undefined ? [] : [match[1]];
      }),
  );
  const entries: ArchiveEntry[] = [
    { path: "LICENSE", file: join(root, "LICENSE"), executable: false },
  ];
  for (const name of packages) {
    for (const candidate of ["LICENSE", "LICENSE.md", "LICENCE", "license"]) {
      const file = join(root, "node_modules", name, candidate);
      if (!(await exists(file))) continue;
      const path = `licenses/${name.replace("@", "").replace("/", "-")}.txt`;
      entries.push({ path, text: await readFile(file, "utf8"), executable: false });
      break;
    }
  }
  return entries;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
