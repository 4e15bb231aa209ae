// @ts-check
// Builds Pebble, the test authority of Let's Encrypt, and its DNS server, for test/acme. Needs Go.
// Plain JavaScript for Node 20 without any dependency. As a program: node scripts/pebble.mjs
import { accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { withProgress } from "./progress.mjs";
import { runProgram } from "./run-program.mjs";

const VERSION = "v2.10.1";
const MODULE = "github.com/letsencrypt/pebble/v2/cmd";
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDER = join(ROOT, ".gangway", "tools", `pebble-${VERSION}`);

/** Where the programs are, once they are built. */
export const PEBBLE = {
  authority: join(FOLDER, "pebble"),
  nameServer: join(FOLDER, "pebble-challtestsrv"),
};

/** True when both programs are there. */
export function isPebbleBuilt() {
  return Object.values(PEBBLE).every((program) => {
    try {
      accessSync(program, constants.X_OK);
      return true;
    } catch {
      return false; // not built yet
    }
  });
}

/**
 * Builds what is missing; the module proxy's checksums vouch for the sources.
 *
 * @returns {Promise<string | undefined>} why it could not be built, one sentence
 */
export async function buildPebble() {
  if (isPebbleBuilt()) return undefined;
  const packages = ["pebble", "pebble-challtestsrv"].map((name) => `${MODULE}/${name}@${VERSION}`);
  const { exitCode, output } = await withProgress("Building Pebble", () =>
    runProgram("go", ["install", ...packages], {
      env: { ...process.env, GOBIN: FOLDER, CGO_ENABLED: "0" },
    }),
  );
  if (exitCode === 0) return undefined;
  if (exitCode === 127)
    return "Pebble is built with Go 1.24 or newer; install it from https://go.dev/dl/.";
  return `Pebble ${VERSION} does not build: ${output.trim().split("\n").at(-1)}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const problem = await buildPebble();
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
}
