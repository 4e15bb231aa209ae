/** Takes a lab down: servers, namespaces, the simulated cloud and the machines' data. */
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { bootedMachines, removeMachine } from "./booted/boot.ts";
import { CREDENTIALS_FILE } from "./credentials.ts";
import { shutDownMachine } from "./machine/machine-host.ts";
import { closeNetwork } from "./network/namespaces.ts";
import { endProcess, LAB_OWNER, livingRoles } from "./processes.ts";

/** What stays for the next start: it belongs to no stack and only saves time. */
const KEPT: ReadonlySet<string> = new Set([CREDENTIALS_FILE, "releases", "compiled"]);

/** True when there is anything of a lab in the folder besides what is always kept. */
export function hasLeftovers(labFolder: string): boolean {
  if (!existsSync(labFolder)) return false;
  return readdirSync(labFolder).some((name) => !KEPT.has(name));
}

/** Stops the servers of all machines and removes the machines' files. */
export async function takeDownMachines(labFolder: string): Promise<void> {
  const servers = livingRoles(labFolder).filter((role) => role.startsWith(SERVER_PREFIX));
  await Promise.all([
    ...servers.map((role) => shutDownMachine(labFolder, role.slice(SERVER_PREFIX.length))),
    ...bootedMachines(labFolder).map((machine) => removeMachine(labFolder, machine)),
  ]);
  // Not at once: a tree that somebody has uploaded takes its time, and Ctrl-C must be heard.
  await rm(join(labFolder, "machines"), { recursive: true, force: true });
}

/** Leaves nothing running and nothing on disk but `KEPT`. Can be repeated. */
export async function takeDown(labFolder: string): Promise<void> {
  await takeDownMachines(labFolder);
  await closeNetwork(labFolder);
  if (!existsSync(labFolder)) return;
  for (const name of readdirSync(labFolder).filter((each) => !KEPT.has(each))) {
    await rm(join(labFolder, name), { recursive: true, force: true });
  }
}

/** How long a running `npm start` may take to leave by itself. */
const LEAVE_MILLISECONDS = 30_000;

/** Takes a lab down from outside: a running `npm start` is asked to leave, and does the rest. */
export async function stopLab(labFolder: string): Promise<void> {
  await endProcess(labFolder, LAB_OWNER, LEAVE_MILLISECONDS);
  await takeDown(labFolder);
}

const SERVER_PREFIX = "server-";
