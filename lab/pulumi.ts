/** `gangway lab pulumi`: the real Pulumi CLI against the lab's cloud, at the lab's level. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chooseLevel, imageOf, type ChosenLevel } from "./choose-level.ts";
import { CloudStore } from "./cloud/state.ts";
import { readOrMakeCredentials, type HashPassword } from "./credentials.ts";
import { effectsOfLevel } from "./effects-of-level.ts";
import { findOnPath, PulumiNotFound, type PulumiLab } from "./engine/cli.ts";
import { evidenceEnvironment } from "./evidence.ts";
import { runForeground } from "./exec.ts";
import { readLabFile, writeLabFile } from "./lab-file.ts";
import { LabError } from "./lab-error.ts";
import { hasNetwork, type Level } from "./levels.ts";
import {
  attachHost,
  closeNetwork,
  enterPlace,
  openNetwork,
  type Privileges,
} from "./network/namespaces.ts";
import { findProcess, LAB_OWNER } from "./processes.ts";
import { copyStackFile, type StackCopy } from "./stack-copy.ts";
import { takeDownMachines } from "./down.ts";

export interface PulumiOptions {
  /** Arguments of the CLI. */
  readonly args: readonly string[];
  readonly labFolder: string;
  /** Undefined: that of the lab, or else the highest that this computer offers. */
  readonly level: Level | undefined;
  readonly projectFolder: string;
  readonly project: string;
  readonly hashPassword: HashPassword;
  readonly say: (line: string) => void;
}

/** What the process inside the lab is told, as JSON in its first argument. */
export interface InsidePulumi {
  readonly args: readonly string[];
  readonly lab: PulumiLab;
}

const ENTRY = fileURLToPath(new URL("inside-pulumi.ts", import.meta.url));

/** Commands that reach machines; all others leave namespaces and servers alone. */
const CHANGING_COMMANDS: ReadonlySet<string> = new Set(
  "up update destroy down dn refresh watch import".split(" "),
);

/**
 * Runs the CLI with this terminal. Machines that it creates boot, and stay until it deletes them.
 *
 * @returns the exit code of the CLI.
 * @throws LabError when the lab belongs to `npm start`, or the CLI is missing.
 */
export async function runPulumiInLab(options: PulumiOptions): Promise<number> {
  const { labFolder, args, projectFolder } = options;
  if (findOnPath("pulumi") === undefined) throw new LabError(new PulumiNotFound().message);
  if (findProcess(labFolder, LAB_OWNER) !== undefined) {
    throw new LabError(
      `npm start is running in ${labFolder}, and the lab is its own.`,
      "Leave it with Ctrl-C first, or name another folder with --lab-folder.",
    );
  }
  mkdirSync(labFolder, { recursive: true });
  const chosen = await chooseKnownLevel(options);
  const { level } = chosen;
  const foreign = args.some((arg) => /^(-C|--cwd)(=|$)/.test(arg));
  const copy = foreign ? undefined : await copyStack(options, level);
  writeLabFile(labFolder, {
    level,
    idleTimeoutScale: 1,
    engine: "pulumi",
    overrides: copy?.overrides ?? { declared: "", list: [] },
    ...imageOf(chosen),
  });
  const lab: PulumiLab = {
    labFolder,
    level,
    projectFolder,
    ...(copy === undefined ? {} : { stackFile: copy.file }),
  };
  const inside: InsidePulumi = { args, lab };
  const program = [process.execPath, ENTRY, JSON.stringify(inside)];
  if (!args.some((arg) => CHANGING_COMMANDS.has(arg))) return runForeground(program);
  if (chosen.level !== "process") await openLabNetwork(options, chosen.privileges);
  await bootMachines(labFolder, level);
  const enter = hasNetwork(level) ? enterPlace(labFolder, { kind: "client" }) : [];
  try {
    const environment = hasNetwork(level) ? evidenceEnvironment(projectFolder, labFolder) : {};
    return await runForeground([...enter, ...program], environment);
  } finally {
    // With the last resource the lab's network goes as well.
    if (new CloudStore(labFolder).resources().length === 0) {
      await takeDownMachines(labFolder);
      await closeNetwork(labFolder);
    }
  }
}

/** A stack that is up stays at its level. */
async function chooseKnownLevel(options: PulumiOptions): Promise<ChosenLevel> {
  const { labFolder } = options;
  const isUp = new CloudStore(labFolder).resources().length > 0;
  const known = isUp ? readLabFile(labFolder)?.level : undefined;
  if (known !== undefined && options.level !== undefined && known !== options.level) {
    throw new LabError(
      `The lab's stack is up at the level ${known}, so it cannot be changed at ${options.level}.`,
      "Destroy it first: npx gangway lab pulumi destroy",
    );
  }
  return chooseLevel({ ...options, level: known ?? options.level, install: false });
}

async function openLabNetwork(options: PulumiOptions, privileges: Privileges): Promise<void> {
  const { labFolder, say } = options;
  await openNetwork(labFolder, privileges);
  if (privileges === "root" && !(await attachHost(labFolder))) {
    say("Another lab has this computer's way to the public addresses; use gangway lab exec.");
  }
}

/** Brings rules and machines to where the state says they are: after a reboot they are gone. */
async function bootMachines(labFolder: string, level: Level): Promise<void> {
  const effects = await effectsOfLevel(level, labFolder);
  const state = new CloudStore(labFolder);
  await effects.networkChanged(state);
  for (const machine of state.ofType("azure-native:compute:VirtualMachine")) {
    await effects.machineChanged(state, machine);
  }
}

async function copyStack(options: PulumiOptions, level: Level): Promise<StackCopy> {
  const { labFolder, args, hashPassword } = options;
  const credentials = await readOrMakeCredentials(labFolder, hashPassword);
  const isUp = new CloudStore(labFolder).resources().length > 0;
  const planned = isUp ? readLabFile(labFolder)?.overrides : undefined;
  return copyStackFile({ ...options, stack: stackOf(args), level, credentials, planned });
}

function stackOf(args: readonly string[]): string {
  const at = args.findIndex((arg) => arg === "--stack" || arg === "-s");
  const assigned = args.find((arg) => arg.startsWith("--stack="))?.slice("--stack=".length);
  return assigned ?? (at < 0 ? undefined : args[at + 1]) ?? "dev";
}
