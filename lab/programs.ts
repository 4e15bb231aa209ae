/** Runs programs of the operating system and collects what they say. */
import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { text } from "node:stream/consumers";
import { LabError } from "./lab-error.ts";

export interface ProgramResult {
  readonly exitCode: number;
  readonly output: string;
  readonly error: string;
}

/** Program and arguments; never a line for a shell to take apart. */
export type CommandLine = readonly [string, ...string[]];

/** Administrators' commands are often not on the PATH of others. */
const ADMIN_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** This process's environment, with a PATH that also finds administrators' commands. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const folders = [process.env["PATH"] ?? "", ...ADMIN_FOLDERS];
  return { ...process.env, PATH: folders.filter((folder) => folder !== "").join(delimiter) };
}

/** Runs a program to its end, with `input` on its standard input. A missing program is exit 127. */
export async function runProgram(command: CommandLine, input = ""): Promise<ProgramResult> {
  const [program, ...args] = command;
  const env = programEnvironment();
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env });
  const ended = new Promise<{ exitCode: number; failure: string }>((resolve) => {
    child.on("error", (error) => resolve({ exitCode: 127, failure: error.message }));
    child.on("close", (code) => resolve({ exitCode: code ?? 1, failure: "" }));
  });
  // A program may end without reading its input; its exit code says what that means.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [{ exitCode, failure }, output, error] = await Promise.all([
    ended,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { exitCode, output, error: error + failure };
}

/**
 * Runs a program that has to succeed and returns its output.
 *
 * @throws LabError with the program and the last line that it said.
 */
export async function mustRun(command: CommandLine, input = ""): Promise<string> {
  const { exitCode, output, error } = await runProgram(command, input);
  if (exitCode === 0) return output;
  const said = error.trim() || output.trim() || `exit code ${String(exitCode)}`;
  throw new LabError(`${command.join(" ")} failed: ${said}`);
}
