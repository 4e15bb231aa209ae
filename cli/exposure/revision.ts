/** The exposure table of another revision: the same command, run in a checkout of its own. */
import { execFile } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CommandError, UsageError } from "../errors.ts";

const run = promisify(execFile);

/** A table of all settings that a stack can have is some 100 kB. */
const LARGEST_TABLE_BYTES = 16 * 1024 * 1024;

/**
 * Evaluates the program as it was at `ref`. The checkout lies in the system's folder for temporary
 * files and is removed again; the working tree is not touched. Packages are those installed now.
 *
 * @returns the output of `exposure --json` there.
 * @throws UsageError when `ref` names no commit; CommandError when the program fails at it.
 */
export async function exposureAt(
  projectFolder: string,
  ref: string,
  stack: string,
): Promise<string> {
  const commit = await resolveCommit(projectFolder, ref);
  const checkout = await mkdtemp(join(tmpdir(), "gangway-revision-"));
  const git = (...args: readonly string[]) => run("git", ["-C", projectFolder, ...args]);
  try {
    await git("worktree", "add", "--detach", "--force", checkout, commit);
    const packages = join(projectFolder, "node_modules");
    if (existsSync(packages)) symlinkSync(packages, join(checkout, "node_modules"));
    const { stdout } = await run(
      process.execPath,
      [join("cli", "gangway.mjs"), "exposure", "--stack", stack, "--json"],
      { cwd: checkout, maxBuffer: LARGEST_TABLE_BYTES },
    );
    return stdout;
  } catch (error) {
    throw new CommandError(
      `--against: the exposure of ${ref} cannot be evaluated: ${lastLine(error)}`,
    );
  } finally {
    await rm(checkout, { recursive: true, force: true });
    await git("worktree", "prune");
  }
}

async function resolveCommit(projectFolder: string, ref: string): Promise<string> {
  try {
    const name = `${ref}^{commit}`;
    const args = [
      "-C",
      projectFolder,
      "rev-parse",
      "--verify",
      "--quiet",
      "--end-of-options",
      name,
    ];
    return (await run("git", args)).stdout.trim();
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new UsageError(
      missing
        ? "--against needs git; install it, or use --compare with a table that --json has written"
        : `--against: ${ref} is no commit of this repository; write a branch, a tag or a hash`,
    );
  }
}

function lastLine(error: unknown): string {
  const text =
    error instanceof Error && "stderr" in error && typeof error.stderr === "string"
      ? error.stderr
      : String(error);
  return text.trim().split("\n").at(-1) ?? "";
}
