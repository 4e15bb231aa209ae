/** `npm start`: brings a stack up in the lab, has it proven, and stays until told to leave. */
import { mkdirSync } from "node:fs";
import { bootedMachines } from "./booted/boot.ts";
import { CloudStore } from "./cloud/state.ts";
import { chooseLevel, imageOf, type ChosenLevel } from "./choose-level.ts";
import { readOrMakeCredentials, type HashPassword } from "./credentials.ts";
import { hasLeftovers, takeDown } from "./down.ts";
import { evaluateInside, type Evaluated } from "./engine-process.ts";
import { evidenceEnvironment } from "./evidence.ts";
import { readLabFile, writeLabFile } from "./lab-file.ts";
import { LabError } from "./lab-error.ts";
import { hasNetwork, type Level } from "./levels.ts";
import { followStatus, formatStatus } from "./live-status.ts";
import { attachHost, enterPlace, openNetwork } from "./network/namespaces.ts";
import { findProcess, LAB_OWNER, livingRoles, recordProcess } from "./processes.ts";
import { withProgress } from "./progress.ts";
import { addressOf, formatConnection, formatExposure, formatOverrides } from "./show.ts";
import { copyStackFile, type StackCopy } from "./stack-copy.ts";

export interface UpOptions {
  /** Folder of `Pulumi.yaml`. */
  readonly projectFolder: string;
  readonly project: string;
  readonly labFolder: string;
  readonly stack: string;
  /** Undefined: the highest that this computer offers. */
  readonly level: Level | undefined;
  readonly install: boolean;
  /** Leave after the probe, with its result. */
  readonly check: boolean;
  readonly idleTimeoutScale: number;
  readonly hashPassword: HashPassword;
  readonly say: (line: string) => void;
  /** Aborts when the person wants to leave. */
  readonly signal: AbortSignal;
}

/**
 * @returns the exit code: 0 when the probe was content.
 * @throws LabError when the stack cannot be brought up or the probe is not content.
 */
export async function runUp(options: UpOptions): Promise<0> {
  const { labFolder, say, signal } = options;
  refuseBusy(labFolder);
  mkdirSync(labFolder, { recursive: true });
  const chosen = await chooseLevel(options);
  say(describeLevel(chosen));
  if (hasLeftovers(labFolder)) {
    const alive = livingRoles(labFolder).length;
    say(
      alive > 0
        ? "Cleaning up after a run that did not end by itself."
        : "Removing what an earlier run has left.",
    );
    await withProgress("Cleaning up", () => takeDown(labFolder));
  }
  recordProcess(labFolder, LAB_OWNER, process.pid);
  try {
    await bringUp(options, chosen);
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  } finally {
    await withProgress("Taking the lab down", () => takeDown(labFolder));
    say("The lab is down; nothing of it is left running.");
  }
}

/** @throws LabError while another `npm start` has this folder, or a stack of the Pulumi CLI lives in it. */
function refuseBusy(labFolder: string): void {
  const owner = findProcess(labFolder, LAB_OWNER);
  if (owner !== undefined) {
    throw new LabError(
      `A lab is already running in ${labFolder} (process ${String(owner)}).`,
      "Leave it with Ctrl-C there, or give this one another folder with --lab-folder.",
    );
  }
  const resources = new CloudStore(labFolder).resources().length;
  if (readLabFile(labFolder)?.engine === "pulumi" && resources > 0) {
    throw new LabError(
      `The lab in ${labFolder} holds a stack that the Pulumi CLI brought up.`,
      "Take it down with: npx gangway lab pulumi destroy. Or remove the lab: npx gangway lab down.",
    );
  }
}

async function bringUp(options: UpOptions, chosen: ChosenLevel): Promise<void> {
  const { labFolder, say, signal } = options;
  const { level } = chosen;
  const credentials = await readOrMakeCredentials(labFolder, options.hashPassword);
  const copy = await copyStackFile({ ...options, level, credentials });
  announceCopy(copy, say);
  writeLabFile(labFolder, {
    level,
    idleTimeoutScale: options.idleTimeoutScale,
    engine: "in-process",
    overrides: copy.overrides,
    ...imageOf(chosen),
  });
  if (chosen.level !== "process") await openNetwork(labFolder, chosen.privileges);
  const { outputs } = await evaluate(options, level, copy);
  if (options.check || signal.aborted) return;

  const attached =
    chosen.level !== "process" && chosen.privileges === "root" && (await attachHost(labFolder));
  const direct = level === "process" || attached;
  const address = addressOf(outputs, copy.settings);
  say("\nWhat is open to whom, layer by layer:");
  formatExposure(outputs["exposure"]).forEach(say);
  if (address !== undefined) {
    say("\nConnect:");
    const prefix = direct ? "" : "npx gangway lab exec -- ";
    const { settings } = copy;
    formatConnection({ address, settings, credentials, prefix }).forEach(say);
  }
  if (!direct) say("\nThis computer reaches the lab's addresses only through gangway lab exec.");
  say("\nLeave with Ctrl-C; the lab and the files in it go with it.");
  await stay(options, level, copy);
}

function describeLevel(chosen: ChosenLevel): string {
  switch (chosen.level) {
    case "network":
      return `Level network${chosen.privileges === "root" ? "" : " (without root, in a user namespace)"}: packets pass the rules that the stack declares. Not machine: ${chosen.missing}.`;
    case "machine":
      return "Level machine: packets pass the rules that the stack declares, to a Linux that boots.";
    case "process":
      return `Level process: the server runs on this computer's loopback. Not network: ${chosen.missing}.`;
  }
}

function announceCopy({ overrides, left }: StackCopy, say: (line: string) => void): void {
  if (overrides.list.length > 0) {
    say("Settings that differ from the stack file at this level:");
    formatOverrides(overrides.list).forEach(say);
  }
  if (left.length > 0) say(`Encrypted settings that the lab does without: ${left.join(", ")}.`);
}

async function evaluate(options: UpOptions, level: Level, copy: StackCopy): Promise<Evaluated> {
  const { labFolder, projectFolder, stack, say, signal } = options;
  say(`Bringing up the stack ${stack} with the in-process engine (no Pulumi CLI involved).`);
  const started = performance.now();
  let doing = "";
  const evaluated = await withProgress(
    "Bringing it up",
    () =>
      evaluateInside({
        job: { projectFolder, stack, stackFile: copy.file, labFolder, level },
        enter: hasNetwork(level) ? enterPlace(labFolder, { kind: "client" }) : [],
        environment: hasNetwork(level) ? evidenceEnvironment(projectFolder, labFolder) : {},
        onProgress: (what) => (doing = what),
        signal,
      }),
    () => doing,
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  evaluated.log.forEach(say);
  say(`${String(evaluated.steps)} resources in ${seconds} s, the probe's proof included.`);
  return evaluated;
}

/** Shows a short status until the person leaves: one line on a terminal, else a line per change. */
async function stay(options: UpOptions, level: Level, { settings }: StackCopy): Promise<void> {
  const { labFolder, say, signal } = options;
  const server = livingRoles(labFolder).find((role) => role.startsWith("server-"));
  const name = server?.slice("server-".length) ?? bootedMachines(labFolder)[0];
  if (name === undefined) throw new LabError("The stack brought up no server.");
  const enter = hasNetwork(level) ? enterPlace(labFolder, { kind: "machine", name }) : [];
  let shown = "";
  for await (const status of followStatus({
    enter,
    healthProbePort: settings.healthProbePort,
    signal,
  })) {
    const line = formatStatus(status);
    if (line === shown) continue;
    shown = line;
    if (process.stdout.isTTY) process.stdout.write(`\r\u001B[2K${line}`);
    else say(line);
  }
  if (process.stdout.isTTY) process.stdout.write("\n");
}
