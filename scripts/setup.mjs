// @ts-check
// Runs before `npm start` and `npm test`, so that a fresh clone needs no other step: installs the
// locked packages when node_modules does not hold exactly them, and makes sure of a Node that runs
// the sources. Plain JavaScript for Node 20 without any dependency; silent when nothing is to do.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withProgress } from "./progress.mjs";
import { runProgram } from "./run-program.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const LOCK_FOLDER = join(ROOT, ".gangway", "setup.lock");
const OLDEST_MAJOR = 24;

/** Told to npm whatever the person's own configuration says, or the install would differ. */
const INSTALL = [
  "ci",
  "--ignore-scripts",
  "--include=prod",
  "--include=dev",
  "--include=optional",
  "--install-strategy=hoisted",
  "--package-lock",
  "--no-dry-run",
  "--no-audit",
  "--no-fund",
  "--loglevel=error",
  // npm's own pauses between tries would let a machine without a network wait for minutes.
  "--fetch-retries=3",
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=10000",
];

/** A problem that the person can solve; printed without a stack. */
class SetupError extends Error {}

try {
  if (!isInstalled()) await install();
  checkNode();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

/** True when node_modules holds exactly what package-lock.json says. */
function isInstalled() {
  const locked = readPackages(join(ROOT, "package-lock.json"));
  if (locked === undefined) {
    throw new SetupError(
      "package-lock.json cannot be read; restore it: git checkout package-lock.json",
    );
  }
  const installed = readPackages(join(MODULES, ".package-lock.json"));
  if (installed === undefined) return false;
  const wanted = Object.entries(locked).filter(([path]) => path !== "");
  return wanted.every(([path, entry]) => {
    const found = installed[path];
    if (found === undefined) return entry.optional === true && !isForThisSystem(entry);
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

/**
 * @typedef {object} LockEntry
 * @property {string} [version]
 * @property {string} [integrity]
 * @property {boolean} [optional]
 * @property {string | string[]} [os]
 * @property {string | string[]} [cpu]
 * @property {string | string[]} [libc]
 */

/**
 * @param {string} file
 * @returns {Record<string, LockEntry> | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined; // not there, or cut off while it was written
  }
}

/**
 * npm leaves out optional packages that are for other systems, and what only those need. A package
 * that asks for a C library may be either: which one this system has only npm can tell.
 *
 * @param {LockEntry} entry
 */
function isForThisSystem({ os, cpu, libc }) {
  const names = (/** @type {string | string[] | undefined} */ list, /** @type {string} */ own) =>
    list === undefined || [list].flat().includes(own);
  if (libc !== undefined || (os === undefined && cpu === undefined)) return false;
  return names(os, process.platform) && names(cpu, process.arch);
}

async function install() {
  await takeTurn();
  try {
    if (isInstalled()) return; // another run has done it meanwhile
    console.error("Installing the locked packages, Node 24 among them (npm ci) …");
    const started = Date.now();
    const ended = await withProgress("Installing the locked packages", runNpm, countInstalled);
    if (ended.exitCode !== 0) throw new SetupError(explain(ended.output));
    if (!isInstalled()) {
      throw new SetupError(
        "npm ci has ended, but node_modules still differs from package-lock.json. Run `npm ci --ignore-scripts` and look at what it says.",
      );
    }
    console.error(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
  } finally {
    rmSync(LOCK_FOLDER, { recursive: true, force: true });
  }
}

function runNpm() {
  const npm = process.env["npm_execpath"];
  return npm?.endsWith(".js") === true
    ? runProgram(process.execPath, [npm, ...INSTALL], { cwd: ROOT })
    : runProgram("npm", INSTALL, { cwd: ROOT, shell: process.platform === "win32" });
}

function countInstalled() {
  try {
    return `${readdirSync(MODULES).filter((name) => !name.startsWith(".")).length} folders`;
  } catch {
    return ""; // npm has not made the folder yet
  }
}

/** One install at a time: waits while another run that is alive holds the lock. */
async function takeTurn() {
  mkdirSync(dirname(LOCK_FOLDER), { recursive: true });
  const take = () => {
    try {
      mkdirSync(LOCK_FOLDER);
      writeFileSync(join(LOCK_FOLDER, "pid"), String(process.pid));
      return true;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
      throw error;
    }
  };
  await withProgress("Waiting for another run that is installing", async () => {
    while (!take()) {
      if (!isHolderAlive()) rmSync(LOCK_FOLDER, { recursive: true, force: true });
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
}

function isHolderAlive() {
  let pid;
  try {
    pid = Number(readFileSync(join(LOCK_FOLDER, "pid"), "utf8"));
  } catch {
    return true; // it is just taking or releasing the lock
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/** @param {string} output what npm printed */
function explain(output) {
  const lines = output
    .split("\n")
    .filter((line) => /^npm (error|ERR!)/i.test(line))
    .map((line) => line.replace(/^npm (error|ERR!)\s*/i, ""))
    .filter((line) => line !== "" && !/^(A complete log|code |errno |syscall |at )/.test(line));
  const code = /^npm (?:error|ERR!) code (\S+)/im.exec(output)?.[1] ?? "";
  const hints = new Map([
    [
      "ENOTFOUND",
      "npm's registry cannot be reached. Check the network (a proxy: `npm config get proxy`).",
    ],
    [
      "ECONNREFUSED",
      "npm's registry refuses connections. Check the network and `npm config get registry`.",
    ],
    ["EAI_AGAIN", "npm's registry cannot be reached. Check the network (DNS does not answer)."],
    ["ETIMEDOUT", "npm's registry does not answer. Check the network, then try again."],
    ["EACCES", "This account may not write to the clone or to npm's cache."],
    ["ENOSPC", "The disk is full; the packages take about 700 MB."],
  ]);
  const hint = hints.get(code) ?? "Run `npm ci --ignore-scripts` to see all that npm says.";
  return ["The locked packages could not be installed.", ...lines.slice(0, 3), hint].join("\n");
}

/** A Node that runs the sources: the locked one, or where npm has none, the system's. */
function checkNode() {
  const majorOf = (/** @type {string} */ version) => Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);
  if (majorOf(process.version) >= OLDEST_MAJOR) return;
  const pinned = spawnSync(join(MODULES, ".bin", "node"), ["--version"], { encoding: "utf8" });
  if (majorOf(pinned.stdout ?? "") >= OLDEST_MAJOR) return;
  const cause =
    process.platform === "linux"
      ? `the Node ${OLDEST_MAJOR} that npm installed does not run here (it needs glibc)`
      : `npm has no Node ${OLDEST_MAJOR} for ${process.platform} on ${process.arch}`;
  throw new SetupError(
    `Gangway needs Node ${OLDEST_MAJOR} or newer; this is ${process.version}, and ${cause}.\nInstall Node ${OLDEST_MAJOR} from https://nodejs.org/en/download and run the command again.`,
  );
}
