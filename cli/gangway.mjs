#!/usr/bin/env node
// @ts-check
// Starts the command on a Node that can run it. Plain JavaScript that Node 20 understands: the
// sources are TypeScript with `await using`, which Node runs as they are from version 24 on, and
// the locked install brings such a Node along as node_modules/.bin/node.
import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_MAJOR = 24;
const launcher = fileURLToPath(import.meta.url);
const root = dirname(dirname(launcher));
const majorOf = (/** @type {string} */ version) => Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);

if (majorOf(process.version) >= OLDEST_MAJOR) {
  await runHere();
} else {
  const pinned = join(root, "node_modules", ".bin", "node");
  const version = spawnSync(pinned, ["--version"], { encoding: "utf8" }).stdout ?? "";
  if (majorOf(version) >= OLDEST_MAJOR) {
    runWith(pinned);
  } else {
    fail(`needs Node ${OLDEST_MAJOR} or newer, and this is ${process.version}`);
  }
}

async function runHere() {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache?.(join(root, ".gangway", "compile-cache"));
  try {
    await import("commander");
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return fail("finds no installed packages in this clone");
  }
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
}

/** @param {string} node */
function runWith(node) {
  const child = spawn(node, [launcher, ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both processes by itself; everything else reaches only this one.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));
  child.on("error", (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** @param {string} problem */
function fail(problem) {
  console.error(`gangway ${problem}.`);
  console.error("Run `npm start` or `npm ci` first: both install the locked packages and Node 24.");
  process.exitCode = 1;
}
