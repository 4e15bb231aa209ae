// `npm run bench`: measures the bundle that a deployment would use beside its peers, or with
// `--against REF` beside the bundle of another commit. Prints a table as Markdown; all else goes to
// stderr. Other arguments go to the harness (see bench/README.md): npm run bench -- --profile full
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bench = join(root, "bench");
const peers = join(bench, ".peers");
// The pinned runtime, whichever Node started this script.
const node = join(root, "node_modules", ".bin", "node");

const USAGE = `Usage: npm run bench -- [--against REF] [--workers] [arguments of bench/ftpbench]
  --against REF  measure another commit instead of the peers: interleaved, profile "fast"
  --workers      measure this checkout with two worker processes as well
  --document     write the figures into docs/performance.md (profile "full")`;

/** Ends with a message for people. */
class BenchError extends Error {}

/** Runs a command to its end. What it prints is shown on stderr, or returned with `capture`. */
function run(command, args, { cwd = root, capture = false } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    stdio: ["ignore", capture ? "pipe" : 2, 2],
    env: { ...process.env, NODE: node },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error?.code === "ENOENT") {
    throw new BenchError(`${command} is needed and not installed`);
  }
  if (result.status !== 0) {
    throw new BenchError(`${command} ${args.join(" ")} ended with ${String(result.status)}`);
  }
  return result.stdout ?? "";
}

/** Bundles the checkout at `folder` and unpacks the server to `bench/.peers/NAME`. */
function unpack(folder, name) {
  const bundle = JSON.parse(
    run(node, ["cli/gangway.mjs", "bundle", "--if-missing", "--json"], {
      cwd: folder,
      capture: true,
    }),
  );
  const unpacked = join(peers, name);
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  run("tar", ["-xf", join(folder, bundle.server.path), "-C", unpacked]);
}

/** The same for another commit, in a worktree that is gone afterwards. */
function unpackCommit(ref, name) {
  const found = spawnSync("git", ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`], {
    cwd: root,
    encoding: "utf8",
  });
  if (found.status !== 0) {
    throw new BenchError(
      `--against ${ref}: no such commit here; fetch it first (git fetch origin)`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), "gangway-bench-"));
  const tree = join(folder, "tree");
  try {
    run("git", ["worktree", "add", "--quiet", "--detach", tree, found.stdout.trim()]);
    symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
    // The runtime is the same most of the time: it takes longest to make.
    mkdirSync(join(tree, ".gangway"));
    symlinkSync(join(root, ".gangway", "bundle"), join(tree, ".gangway", "bundle"));
    unpack(tree, name);
  } finally {
    spawnSync("git", ["worktree", "remove", "--force", tree], { cwd: root });
    rmSync(folder, { recursive: true, force: true });
  }
}

function installPeers() {
  if (existsSync(join(peers, "root"))) return;
  try {
    run("sh", ["setup-peers.sh"], { cwd: bench });
  } catch (error) {
    console.error(`bench: some peers are missing: ${error.message}`);
  }
}

/** Splits what is ours from what goes to the harness. */
function parse(args) {
  const options = {
    against: undefined,
    workers: false,
    document: false,
    profile: undefined,
    harness: [],
  };
  const valueOf = (at) => {
    if (args[at] === undefined) throw new BenchError(`${args[at - 1]} needs a value`);
    return args[at];
  };
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (arg === "--help" || arg === "-h") {
      console.log(USAGE);
      process.exit(0);
    } else if (arg === "--against") options.against = valueOf(++at);
    else if (arg === "--profile" || arg === "-profile") options.profile = valueOf(++at);
    else if (arg === "--workers") options.workers = true;
    else if (arg === "--document") options.document = true;
    else options.harness.push(arg);
  }
  return options;
}

function main() {
  const { against, workers, document, profile, harness } = parse(process.argv.slice(2));
  mkdirSync(peers, { recursive: true });
  unpack(root, "gangway");
  const own = ["gangway"];
  for (const name of ["gangway-2", "base"]) {
    rmSync(join(peers, name), { recursive: true, force: true });
  }
  if (workers) {
    symlinkSync("gangway", join(peers, "gangway-2"));
    own.push("gangway-2");
  }
  if (against === undefined) installPeers();
  else unpackCommit(against, "base");
  run("go", ["build", "-o", "ftpbench", "."], { cwd: bench });

  const args = ["-subject", own.join(",")];
  const given = (name) => harness.some((arg) => new RegExp(`^--?${name}(=|$)`, "u").test(arg));
  if (against !== undefined) args.push("-servers", ["base", ...own].join(","));
  if (process.getuid?.() !== 0 && !given("netns")) args.push("-netns=false");
  // Two builds of one server need several short passes rather than one.
  const chosen = profile ?? (document ? "full" : "fast");
  args.push("-profile", against !== undefined && chosen === "fast" ? "pair" : chosen);
  const report = run(resolve(bench, "ftpbench"), [...args, ...harness], {
    cwd: bench,
    capture: true,
  });
  process.stdout.write(report);
  if (!document) return;
  run(node, ["scripts/document-bench.mjs"]);
  run(node, ["node_modules/prettier/bin/prettier.cjs", "--write", "docs/performance.md"]);
}

try {
  main();
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exit(1);
}
