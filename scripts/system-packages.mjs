// @ts-check
// Finds and installs what the lab and the tests need from the system. Plain JavaScript for Node 20
// without any dependency. As a program: node scripts/system-packages.mjs PACKAGE …
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { withProgress } from "./progress.mjs";
import { runProgram } from "./run-program.mjs";

/** The command by which a Debian package is known to be there, where the names differ. */
const COMMAND_OF = new Map([
  ["nftables", "nft"],
  ["iproute2", "ip"],
  ["util-linux", "unshare"],
  ["procps", "sysctl"],
  ["uidmap", "newuidmap"],
  ["openssh-client", "ssh"],
  ["systemd-container", "systemd-nspawn"],
]);

/** Administrators' commands are often not on the PATH of others. */
const ADMIN_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Another package manager run gets this long to finish. */
const LOCK_SECONDS = 120;

/**
 * @typedef {object} SystemPackages
 * @property {readonly string[]} missing packages that are (still) not there
 * @property {readonly string[]} installed packages that this call installed
 * @property {string} [problem] why the missing ones were not installed, one sentence
 */

/**
 * Finds out which Debian packages are missing, and installs them when it may and can.
 *
 * @param {readonly string[]} names of Debian packages
 * @param {{install: boolean, report?: (line: string) => void}} options
 * @returns {Promise<SystemPackages>}
 */
export async function ensureSystemPackages(names, { install, report = console.error }) {
  const missing = missingPackages(names);
  if (missing.length === 0 || !install) return { missing, installed: [] };
  const obstacle = whyNotInstall(missing);
  if (obstacle !== undefined) return { missing, installed: [], problem: obstacle };

  report(`Installing from the system's packages: ${missing.join(" ")}`);
  if (!hasPackageLists()) await update();
  let ended = await installWithApt(missing);
  if (ended.exitCode !== 0) {
    // Lists that are too old name versions that are gone.
    await update();
    ended = await installWithApt(missing);
  }
  const still = missingPackages(missing);
  const installed = missing.filter((name) => !still.includes(name));
  if (still.length === 0) return { missing: still, installed };
  const reason = ended.output.split("\n").find((line) => line.startsWith("E: "));
  return {
    missing: still,
    installed,
    problem: `apt-get could not install ${still.join(" ")}: ${reason?.slice(3) ?? `exit code ${ended.exitCode}`}`,
  };
}

/**
 * The packages whose command is nowhere to be found.
 *
 * @param {readonly string[]} names
 * @returns {string[]}
 */
export function missingPackages(names) {
  return names.filter((name) => !isCommand(COMMAND_OF.get(name) ?? name));
}

/** @param {string} name */
function isCommand(name) {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...ADMIN_FOLDERS];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false; // not in this folder
    }
  });
}

/** @param {readonly string[]} missing */
function whyNotInstall(missing) {
  const list = missing.join(" ");
  if (process.platform !== "linux") return `${list} exist on Linux only.`;
  if (!isCommand("apt-get")) return `Install ${list} (names of Debian's packages) yourself.`;
  if (process.getuid?.() !== 0) return `Installing needs root: sudo apt-get install ${list}`;
  return undefined;
}

function hasPackageLists() {
  try {
    return readdirSync("/var/lib/apt/lists").some((name) => name.includes("_Packages"));
  } catch {
    return false; // no folder, no lists
  }
}

function update() {
  return withProgress("Updating the system's package lists", () => apt(["update"]));
}

/** @param {readonly string[]} names */
function installWithApt(names) {
  return withProgress(`Installing ${names.join(" ")}`, () =>
    apt(["install", "-y", "--no-install-recommends", ...names]),
  );
}

/** @param {readonly string[]} args */
function apt(args) {
  return runProgram("apt-get", ["-q", "-o", `DPkg::Lock::Timeout=${LOCK_SECONDS}`, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { missing, problem } = await ensureSystemPackages(process.argv.slice(2), { install: true });
  if (missing.length > 0) {
    console.error(problem);
    process.exitCode = 1;
  }
}
