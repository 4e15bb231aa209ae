/** Runs programs inside a booted machine. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { LabError } from "../lab-error.ts";
import {
  programEnvironment,
  runProgram,
  type CommandLine,
  type ProgramResult,
} from "../programs.ts";

/** Start of a command line that runs the rest in the namespaces of a machine's first process. */
export function enterMachine(leader: number): CommandLine {
  const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"];
  return ["nsenter", "--target", String(leader), ...namespaces, "--"];
}

/** Runs a program in the machine to its end; for looking, not for changing. */
export function lookInside(leader: number, ...command: readonly string[]): Promise<ProgramResult> {
  return runProgram([...enterMachine(leader), "env", "-i", PATH, ...command]);
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface ScriptRun {
  /** Names the folder of the script in the machine, as Azure's agent does. */
  readonly name: string;
  readonly script: string;
  /** Secrets among it: it travels through a pipe, never on a command line or in a file. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
}

/** Reads variables, each ended by a zero byte, up to an empty one; the script is the rest. */
const LAUNCHER = `umask 077
folder=$1
mkdir -p "$folder"
while IFS= read -r -d '' variable && [ -n "$variable" ]; do export "$variable"; done
cat >"$folder/script.sh"
chmod 0700 "$folder/script.sh"
cd "$folder"
exec ./script.sh </dev/null
`;

/** Where Azure's agent keeps the scripts of managed Run Commands. */
const SCRIPT_FOLDER = "/var/lib/waagent/run-command-handler/download";

/**
 * Runs a script in the machine as root, as a unit of its own. It sees its variables and PATH,
 * nothing of the lab's environment.
 *
 * @returns exit code and the end of each stream; 124 when it took too long.
 */
export async function runScriptInside(leader: number, run: ScriptRun): Promise<ProgramResult> {
  const { name, script, environment, timeoutSeconds } = run;
  const unit = `run-command-${name.replaceAll(/[^\w.-]/g, "-")}`;
  const [program, ...args] = [
    ...enterMachine(leader),
    ...["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec"],
    ...[`--unit=${unit}`, `--property=RuntimeMaxSec=${String(timeoutSeconds)}`],
    ...["--", "bash", "-c", LAUNCHER, "bash", `${SCRIPT_FOLDER}/${unit}`],
  ];
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: programEnvironment()["PATH"], LC_ALL: "C" },
  });
  const started = performance.now();
  const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}\0`);
  // A unit that does not start closes the pipe; its exit code says so.
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${variables.join("")}\0${script}`);
  const [output, error, [code]] = await Promise.all([
    readEnd(child.stdout),
    readEnd(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  const late = performance.now() - started >= timeoutSeconds * 1000;
  if (code === null) throw new LabError(`Nothing can be run in the machine any more: ${error}`);
  return { exitCode: late && code !== 0 ? TIMED_OUT : code, output, error };
}

/** timeout(1). */
const TIMED_OUT = 124;
/** Azure's instance view shows less than this. */
const KEPT_CHARACTERS = 65_536;

async function readEnd(stream: Readable): Promise<string> {
  stream.setEncoding("utf8");
  let text = "";
  for await (const chunk of stream as AsyncIterable<string>) {
    text = (text + chunk).slice(-KEPT_CHARACTERS);
  }
  return text;
}
