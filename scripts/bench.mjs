// `npm run bench`: unpacks the bundle that a deployment would use and measures it beside its peers.
// Arguments go to the harness (see bench/README.md): npm run bench -- -profile full
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bench = join(root, "bench");
const peers = join(bench, ".peers");
// The pinned runtime, whichever Node started this script.
const node = join(root, "node_modules", ".bin", "node");

/** Runs a command to its end; what it prints is shown, or returned with `capture`. */
function run(command, args, { cwd = root, capture = false } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    stdio: ["inherit", capture ? "pipe" : "inherit", "inherit"],
    env: { ...process.env, NODE: node },
    encoding: "utf8",
  });
  if (result.error?.code === "ENOENT") {
    console.error(`bench: ${command} is needed and not installed.`);
    process.exit(2);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
  return result.stdout ?? "";
}

const bundle = JSON.parse(
  run(node, ["cli/gangway.mjs", "bundle", "--if-missing", "--json"], { capture: true }),
);
const unpacked = join(peers, "gangway");
mkdirSync(unpacked, { recursive: true });
run("tar", ["-xf", join(root, bundle.server.path), "-C", unpacked]);
if (!existsSync(join(peers, "root"))) run("sh", ["setup-peers.sh"], { cwd: bench });
run("go", ["build", "-o", "ftpbench", "."], { cwd: bench });
run(join(bench, "ftpbench"), ["-subject", "gangway", ...process.argv.slice(2)], { cwd: bench });
