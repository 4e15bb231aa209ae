/**
 * Processes that outlive the command that started them, recorded in the lab folder. A record names
 * the process by its id *and* its start time: the id alone may belong to a stranger by now.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "./lab-error.ts";

/** What a process is to the lab: `up`, `edge`, `client`, `machine-NAME`, `server-NAME`. */
export type Role = string;

/** The `npm start` that a lab belongs to. */
export const LAB_OWNER: Role = "up";

interface ProcessRecord {
  readonly pid: number;
  /** Boot and start time; differs for every process that ever has this id. */
  readonly identity: string;
}

const PROCESS_FOLDER = "processes";
const recordFile = (folder: string, role: Role) => join(folder, PROCESS_FOLDER, `${role}.json`);

/** Remembers a running process under a role; an earlier record of the role is replaced. */
export function recordProcess(folder: string, role: Role, pid: number): void {
  const identity = identify(pid);
  if (identity === undefined) {
    throw new LabError(`The process of the lab's ${role} ended as soon as it was started.`);
  }
  const record: ProcessRecord = { pid, identity };
  mkdirSync(join(folder, PROCESS_FOLDER), { recursive: true });
  writeFileSync(recordFile(folder, role), `${JSON.stringify(record)}\n`);
}

/** The id of a role's process while it lives; a record of a dead one is removed. */
export function findProcess(folder: string, role: Role): number | undefined {
  const record = readRecord(recordFile(folder, role));
  if (record === undefined) return undefined;
  if (identify(record.pid) === record.identity) return record.pid;
  forgetProcess(folder, role);
  return undefined;
}

/** Roles with a living process. */
export function livingRoles(folder: string): readonly Role[] {
  let files: string[];
  try {
    files = readdirSync(join(folder, PROCESS_FOLDER));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return files
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .filter((role) => findProcess(folder, role) !== undefined);
}

export function forgetProcess(folder: string, role: Role): void {
  rmSync(recordFile(folder, role), { force: true });
}

/** The system offers no event for the end of a process that is not one's child. */
const LOOK_AGAIN_MILLISECONDS = 20;

/**
 * Ends a role's process and returns when it is gone.
 *
 * @param graceMilliseconds how long it may take to end by itself after SIGTERM before it is killed.
 * @returns false when there was none.
 */
export async function endProcess(
  folder: string,
  role: Role,
  graceMilliseconds: number,
): Promise<boolean> {
  const pid = findProcess(folder, role);
  if (pid === undefined) return false;
  const deadline = performance.now() + graceMilliseconds;
  signalProcess(pid, graceMilliseconds > 0 ? "SIGTERM" : "SIGKILL");
  let killed = graceMilliseconds <= 0;
  while (findProcess(folder, role) !== undefined) {
    if (!killed && performance.now() > deadline) {
      signalProcess(pid, "SIGKILL");
      killed = true;
    }
    await sleep(LOOK_AGAIN_MILLISECONDS);
  }
  return true;
}

/** Sends a signal; a process that is gone already is what was wanted. */
export function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Gone between the look and the signal: what was wanted.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function readRecord(file: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessRecord;
  } catch (error) {
    // A record cut short by a crash names nobody.
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Undefined when no such process runs; a zombie does not. */
function identify(pid: number): string | undefined {
  return process.platform === "linux" ? identifyByProc(pid) : identifyByPs(pid);
}

/** Field 22 of proc_pid_stat(5): start time in clock ticks after boot. */
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

function identifyByProc(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
  } catch (error) {
    // ESRCH: it ended while its file was being read.
    if (isMissing(error) || (error instanceof Error && "code" in error && error.code === "ESRCH")) {
      return undefined;
    }
    throw error;
  }
  // The name in field 2 may hold spaces and parentheses; the rest begins after the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[STATE_FIELD] === "Z" || fields[STATE_FIELD] === "X") return undefined;
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${boot}:${fields[START_TIME_FIELD] ?? ""}`;
}

function identifyByPs(pid: number): string | undefined {
  try {
    const args = ["-o", "stat=,lstart=", "-p", String(pid)];
    const [state = "Z", ...started] = execFileSync("ps", args, { encoding: "utf8" })
      .trim()
      .split(/\s+/);
    return state.startsWith("Z") ? undefined : started.join(" ");
  } catch (error) {
    // ps ends with 1 when there is no such process.
    if (error instanceof Error && "status" in error && error.status === 1) return undefined;
    throw error;
  }
}
