// @ts-check
// Builds the programs of others that only tests need and only Go brings: Pebble, the test authority
// of Let's Encrypt, with its DNS server (test/acme), and actionlint (test/architecture). Needs Go.
// Plain JavaScript for Node 20 without any dependency. As a program: node scripts/go-tools.mjs
import { accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { withProgress } from "./progress.mjs";
import { runProgram } from "./run-program.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * @typedef {object} GoTool
 * @property {string} name as people know it
 * @property {string} version pinned; the module proxy's checksums vouch for the sources
 * @property {readonly string[]} packages of which each is a program, without the version
 */

/** @type {Readonly<Record<"pebble" | "actionlint", GoTool>>} */
const TOOLS = {
  pebble: {
    name: "Pebble",
    version: "v2.10.1",
    packages: [
      "github.com/letsencrypt/pebble/v2/cmd/pebble",
      "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv",
    ],
  },
  actionlint: {
    name: "actionlint",
    version: "v1.7.12",
    packages: ["github.com/rhysd/actionlint/cmd/actionlint"],
  },
};

/** @typedef {keyof typeof TOOLS} ToolName */

/** @param {ToolName} tool */
function folderOf(tool) {
  return join(ROOT, ".gangway", "tools", `${tool}-${TOOLS[tool].version}`);
}

/** @param {string} path */
const programOf = (path) => path.slice(path.lastIndexOf("/") + 1);

/** Where Pebble's programs are, once they are built. */
export const PEBBLE = {
  authority: join(folderOf("pebble"), "pebble"),
  nameServer: join(folderOf("pebble"), "pebble-challtestsrv"),
};

/** Where actionlint is, once it is built. */
export const ACTIONLINT = join(folderOf("actionlint"), "actionlint");

/**
 * True when every program of a tool is there.
 *
 * @param {ToolName} tool
 */
export function isBuilt(tool) {
  return TOOLS[tool].packages.every((path) => {
    try {
      accessSync(join(folderOf(tool), programOf(path)), constants.X_OK);
      return true;
    } catch {
      return false; // not built yet
    }
  });
}

/**
 * Builds a tool that is missing.
 *
 * @param {ToolName} tool
 * @returns {Promise<string | undefined>} why it could not be built, one sentence
 */
async function build(tool) {
  if (isBuilt(tool)) return undefined;
  const { name, version, packages } = TOOLS[tool];
  const { exitCode, output } = await withProgress(`Building ${name}`, () =>
    runProgram("go", ["install", ...packages.map((path) => `${path}@${version}`)], {
      env: { ...process.env, GOBIN: folderOf(tool), CGO_ENABLED: "0" },
    }),
  );
  if (exitCode === 0) return undefined;
  if (exitCode === 127) {
    return `${name} is built with Go 1.24 or newer; install it from https://go.dev/dl/.`;
  }
  return `${name} ${version} does not build: ${output.trim().split("\n").at(-1)}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const tool of /** @type {ToolName[]} */ (Object.keys(TOOLS))) {
    const problem = await build(tool);
    if (problem === undefined) continue;
    console.error(problem);
    process.exitCode = 1;
  }
}
