/**
 * Plays the machine's side of a delivery: what `deliver.sh` does on a real one, without systemd.
 * The server comes out of the delivered bundle and reads the delivered settings, nothing else.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { BUNDLE_LAYOUT, type ServerSettingsFile } from "#contract";
import type { RunCommandInvocation, RunCommandResult } from "../cloud/effects.ts";
import { NotSimulated } from "../cloud/errors.ts";
import { writeWhole } from "../cloud/state.ts";
import { LabError } from "../lab-error.ts";
import { DeliveryRefused, isDelivery, receiveDelivery, type Delivery } from "./delivery.ts";
import { machineFolder, type MachineFolder } from "./layout.ts";
import { unpackRelease } from "./releases.ts";
import { logPosition } from "./server-log.ts";
import { isServerRunning, startServer, stopServer, waitForReload } from "./server-process.ts";

/** What a level of the lab puts under a machine. */
export interface MachineGround {
  readonly labFolder: string;
  /** Start of a command line that runs the rest on the machine. */
  enter(machine: string): readonly string[];
  /** The Node that runs the server of an unpacked release. */
  node(release: string): string;
  /** Arguments of the server beside its files. */
  readonly serverArguments: readonly string[];
  /** Puts firewall and kernel settings of the machine's folder in force. */
  applyRules(machine: string, folder: MachineFolder): Promise<void>;
}

/** Time for sessions to finish when a new server replaces an old one. */
const DRAIN_MILLISECONDS = 10_000;
/** And when the machine itself goes. */
const SHUTDOWN_MILLISECONDS = 2_000;

/** Runs a Run Command; one that fails leaves the previous release in force and exits with 1. */
export async function runOnMachine(
  invocation: RunCommandInvocation,
  ground: MachineGround,
): Promise<RunCommandResult> {
  if (!isDelivery(invocation)) {
    throw new NotSimulated(
      "azure-native:compute:VirtualMachineRunCommandByVirtualMachine",
      "source.script",
      "below the level `machine` there is no shell; only Gangway's own delivery is played",
    );
  }
  const machine = invocation.machine.name;
  const folder = machineFolder(ground.labFolder, machine);
  const before = readInForce(folder);
  const after = await orRefusal(async () => {
    const delivery = await receiveDelivery(invocation);
    return planFiles(folder, delivery, await unpackRelease(folder.releases, delivery));
  });
  if (typeof after === "string") return failure(after, "nothing was changed");
  const how = await orRefusal(() => putInForce(ground, machine, folder, before, after));
  if (typeof how === "object") return success(how.how);
  const rolledBack = await orRefusal(() => rollBack(ground, machine, folder, before));
  return failure(how, typeof rolledBack === "string" ? rolledBack : rolledBack.state);
}

const success = (how: string): RunCommandResult => ({
  exitCode: 0,
  output: `gangway: release in force (${how})\n`,
});

const failure = (reason: string, state: string): RunCommandResult => ({
  exitCode: 1,
  output: `gangway: ${reason}\ngangway: ${state}\n`,
});

/** The result of a step, or in a text why the machine refuses it; anything else is a bug. */
async function orRefusal<T extends object>(step: () => Promise<T>): Promise<T | string> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof DeliveryRefused || error instanceof LabError) return error.message;
    throw error;
  }
}

/** Boots a machine: what was delivered before is in force again. Does nothing while it runs. */
export async function bootMachine(ground: MachineGround, machine: string): Promise<void> {
  const folder = machineFolder(ground.labFolder, machine);
  const release = readInForce(folder).get(folder.currentFile);
  if (release === undefined || isServerRunning(ground.labFolder, machine)) return;
  await ground.applyRules(machine, folder);
  await startServerOf(ground, machine, folder, release);
}

/** Stops a machine's server and forgets its files; the data stays as an orphaned disk would. */
export async function shutDownMachine(labFolder: string, machine: string): Promise<void> {
  await stopServer(labFolder, machine, SHUTDOWN_MILLISECONDS);
  rmSync(machineFolder(labFolder, machine).currentFile, { force: true });
}

/** Everything on the machine that a delivery changes: content by file. */
type FilesInForce = ReadonlyMap<string, string>;

function planFiles(folder: MachineFolder, delivery: Delivery, release: string): FilesInForce {
  const { server, guestFirewall, sysctl } = delivery.machineSettings;
  return new Map([
    ...[...delivery.certificates].map(([name, pem]): [string, string] => [
      join(folder.certificatesFolder, `${name}.pem`),
      pem,
    ]),
    [folder.deploymentFile, delivery.deployment],
    [folder.settingsFile, `${JSON.stringify(onThisDisk(server, folder), undefined, 2)}\n`],
    [folder.sysctlFile, sysctl],
    [folder.guestFirewallFile, guestFirewall],
    [folder.currentFile, release],
  ]);
}

/** The machine's disk is a folder here: an absolute folder for logs moves into it. */
function onThisDisk(server: ServerSettingsFile, { root }: MachineFolder): ServerSettingsFile {
  const folder = server.log?.folder;
  if (folder === undefined || !isAbsolute(folder)) return server;
  return { ...server, log: { ...server.log, folder: join(root, folder) } };
}

function readInForce(folder: MachineFolder): FilesInForce {
  const files = [
    ...certificatesIn(folder),
    folder.deploymentFile,
    folder.settingsFile,
    folder.sysctlFile,
    folder.guestFirewallFile,
    folder.currentFile,
  ];
  return new Map(files.flatMap((file) => readIfThere(file)));
}

function certificatesIn({ certificatesFolder }: MachineFolder): readonly string[] {
  if (!existsSync(certificatesFolder)) return [];
  return readdirSync(certificatesFolder).map((name) => join(certificatesFolder, name));
}

function readIfThere(file: string): [string, string][] {
  try {
    return [[file, readFileSync(file, "utf8")]];
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

type Applied = "unchanged" | "reloaded" | "restarted";

async function putInForce(
  ground: MachineGround,
  machine: string,
  folder: MachineFolder,
  before: FilesInForce,
  after: FilesInForce,
): Promise<{ readonly how: Applied }> {
  const { labFolder } = ground;
  const position = await logPosition(folder.logFile);
  const changed = [...after].filter(([file, content]) => before.get(file) !== content);
  for (const [file, content] of changed) {
    mkdirSync(dirname(file), { recursive: true });
    writeWhole(file, content);
  }
  mkdirSync(folder.dataFolder, { recursive: true });
  await ground.applyRules(machine, folder);
  const running = isServerRunning(labFolder, machine);
  if (
    running &&
    before.get(folder.currentFile) === after.get(folder.currentFile) &&
    listeners(before, folder) === listeners(after, folder)
  ) {
    const watched = [folder.settingsFile, folder.deploymentFile];
    const isWatched = (file: string) =>
      watched.includes(file) || dirname(file) === folder.certificatesFolder;
    if (!changed.some(([file]) => isWatched(file))) return { how: "unchanged" };
    await waitForReload(folder.logFile, position);
    return { how: "reloaded" };
  }
  await stopServer(labFolder, machine, DRAIN_MILLISECONDS);
  await startServerOf(ground, machine, folder, after.get(folder.currentFile) ?? "");
  return { how: "restarted" };
}

/** The server opens its control ports when it starts; other settings it takes while it runs. */
function listeners(files: FilesInForce, folder: MachineFolder): string {
  const text = files.get(folder.settingsFile);
  if (text === undefined) return "";
  return JSON.stringify((JSON.parse(text) as { listen?: unknown }).listen);
}

async function startServerOf(
  ground: MachineGround,
  machine: string,
  folder: MachineFolder,
  release: string,
): Promise<void> {
  const [program = "", ...args] = [
    ...ground.enter(machine),
    ground.node(release),
    join(release, BUNDLE_LAYOUT.server),
    "--settings",
    folder.settingsFile,
    "--deployment",
    folder.deploymentFile,
    "--data",
    folder.dataFolder,
    ...ground.serverArguments,
  ];
  await startServer({
    labFolder: ground.labFolder,
    machine,
    command: [program, ...args],
    logFile: folder.logFile,
  });
}

async function rollBack(
  ground: MachineGround,
  machine: string,
  folder: MachineFolder,
  before: FilesInForce,
): Promise<{ readonly state: string }> {
  const release = before.get(folder.currentFile);
  for (const file of [folder.settingsFile, folder.currentFile]) rmSync(file, { force: true });
  for (const [file, content] of before) writeWhole(file, content);
  if (release === undefined) {
    await stopServer(ground.labFolder, machine, 0);
    return { state: "there is no previous release; the server is stopped" };
  }
  await ground.applyRules(machine, folder);
  await stopServer(ground.labFolder, machine, 0);
  await startServerOf(ground, machine, folder, release);
  return { state: "back at the previous release" };
}
