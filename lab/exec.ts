/** `gangway lab exec`: runs a person's command where the lab's clients are. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readLabFile } from "./lab-file.ts";
import { LabError } from "./lab-error.ts";
import { hasNetwork } from "./levels.ts";
import { enterPlace } from "./network/namespaces.ts";
import { programEnvironment } from "./programs.ts";

/**
 * Runs a command with this terminal.
 *
 * @returns its exit code.
 * @throws LabError when no lab is up, or there is no such command.
 */
export async function runInLab(labFolder: string, command: readonly string[]): Promise<number> {
  const lab = readLabFile(labFolder);
  if (lab === undefined) {
    throw new LabError(`No lab is up in ${labFolder}.`, "Start one with npm start.");
  }
  const enter = hasNetwork(lab.level) ? enterPlace(labFolder, { kind: "client" }) : [];
  return runForeground([...enter, ...command]);
}

/** Exit code of a program that a signal ended, as shells give it. */
const ENDED_BY_SIGNAL = 128;

/** Runs a program with this process's terminal and environment; Ctrl-C reaches it by itself. */
export async function runForeground(
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [program = "", ...args] = words;
  const child = spawn(program, args, {
    stdio: "inherit",
    env: { ...programEnvironment(), ...more },
  });
  const ignore = () => undefined;
  const pass = () => child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", pass);
  try {
    await once(child, "close");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new LabError(`There is no command ${program} on this computer.`);
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", pass);
  }
  return child.exitCode ?? ENDED_BY_SIGNAL;
}
