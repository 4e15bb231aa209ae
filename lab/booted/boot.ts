/** Boots machines, finds those that run, and stops them. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { writeWhole } from "../cloud/state.ts";
import { LabError } from "../lab-error.ts";
import {
  endProcess,
  findProcess,
  forgetProcess,
  livingRoles,
  recordProcess,
} from "../processes.ts";
import { programEnvironment } from "../programs.ts";
import type { BootResult } from "./container.ts";
import { closeControlGroups } from "./control-groups.ts";
import { bootedFolder } from "./folder.ts";
import type { HostJob, HostMessage } from "./host-process.ts";
import { hostedMachines, hostRole, leaderRole } from "./roles.ts";
import { sameHardware } from "./specification.ts";

const HOST_PROCESS = fileURLToPath(new URL("host-process.ts", import.meta.url));
/** The machine shuts down by itself within this time or is killed by its host. */
const STOPS_WITHIN_MILLISECONDS = 30_000;

/** `unchanged` when a machine with this hardware runs already. */
export type Booted = BootResult | "unchanged";

/**
 * Boots a machine and returns when its boot has ended. It outlives this process. A machine that
 * runs with other hardware is shut down first; what is on its disks stays.
 *
 * @throws LabError with what the machine or its host said last, when it does not boot.
 */
export async function bootMachine(job: HostJob): Promise<Booted> {
  const { labFolder, specification } = job;
  const { name } = specification;
  const folder = bootedFolder(labFolder, name);
  if (findLeader(labFolder, name) !== undefined) {
    const before = JSON.parse(readFileSync(folder.jobFile, "utf8")) as HostJob;
    if (sameHardware(before.specification, specification)) return "unchanged";
  }
  await stopMachine(labFolder, name);
  mkdirSync(folder.root, { recursive: true });
  writeWhole(folder.jobFile, JSON.stringify(job));
  const serviceLog = openSync(folder.serviceLogFile, "a", 0o600);
  const apart = ["--net", "--mount", "--propagation", "private", "--"];
  const child = spawn("unshare", [...apart, process.execPath, HOST_PROCESS, folder.jobFile], {
    detached: true,
    stdio: ["ignore", "pipe", serviceLog],
    env: { PATH: programEnvironment()["PATH"] },
  });
  closeSync(serviceLog);
  if (child.pid !== undefined) recordProcess(labFolder, hostRole(name), child.pid);
  const message = await firstMessage(child);
  child.unref();
  if (message?.kind === "booted") return message;
  await stopMachine(labFolder, name);
  throw new LabError(
    `The machine ${name} did not boot. ${message?.message ?? "Its host ended without a word."}`,
    `More is in ${folder.serviceLogFile} and ${folder.consoleFile}.`,
  );
}

/** Undefined when the process ends without one. */
async function firstMessage(child: ChildProcess): Promise<HostMessage | undefined> {
  const { stdout } = child;
  if (stdout === null) return undefined;
  const lines = createInterface({ input: stdout });
  const said = once(lines, "line").then(([line]) => JSON.parse(String(line)) as HostMessage);
  const message = await Promise.race([said, once(child, "close").then(() => undefined)]);
  lines.close();
  stdout.destroy();
  return message;
}

/** The first process of a machine that runs, as seen from outside. */
export function findLeader(labFolder: string, machine: string): number | undefined {
  return findProcess(labFolder, hostRole(machine)) === undefined
    ? undefined
    : findProcess(labFolder, leaderRole(machine));
}

/** Machines whose host runs. */
export function bootedMachines(labFolder: string): readonly string[] {
  return hostedMachines(livingRoles(labFolder));
}

/** Shuts a machine down and returns when nothing of it runs; its files stay. Can be repeated. */
export async function stopMachine(labFolder: string, machine: string): Promise<void> {
  await endProcess(labFolder, hostRole(machine), STOPS_WITHIN_MILLISECONDS);
  await endProcess(labFolder, leaderRole(machine), 0);
  forgetProcess(labFolder, leaderRole(machine));
  closeControlGroups(bootedFolder(labFolder, machine).controlGroupsFile);
}

/** Stops a machine and removes its own files; its data disks are others' business. */
export async function removeMachine(labFolder: string, machine: string): Promise<void> {
  await stopMachine(labFolder, machine);
  rmSync(bootedFolder(labFolder, machine).root, { recursive: true, force: true });
}
