/** Tests at the level `network`: skipped where the computer cannot; `npm test` names them then. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { networkAbility } from "../../lab/levels.ts";
import { closeNetwork, enterPlace, openNetwork, type Place } from "../../lab/network/namespaces.ts";

const ability = await networkAbility();

export const describeNetwork = ability.kind === "able" ? describe : describe.skip;

/** A lab folder of the test's own; `await using` removes it. */
export async function scratchLab(): Promise<{ readonly folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "gangway-lab-"));
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A lab folder with client and edge; `await using` removes both and every machine. */
export async function openLabNetwork(): Promise<{ readonly folder: string } & AsyncDisposable> {
  if (ability.kind !== "able") throw new Error(`level network: ${JSON.stringify(ability)}`);
  const { folder } = await scratchLab();
  await openNetwork(folder, ability.privileges);
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await closeNetwork(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A Node program inside a place, which prints lines; `await using` ends it. */
export interface PlacedProgram extends AsyncDisposable {
  /** The next line that it prints. */
  next(): Promise<string>;
  /** Writes a line to its standard input. */
  tell(line: string): void;
  readonly process: ChildProcess;
}

/** Runs ES module source in a place of the lab. */
export function runInPlace(folder: string, place: Place, source: string): PlacedProgram {
  const [program, ...args] = enterPlace(folder, place);
  const child = spawn(
    program,
    [...args, process.execPath, "--input-type=module", "--eval", source],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async next() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error("the program in the lab ended");
      return value;
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => child.once("close", resolve));
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await gone;
    },
  };
}
