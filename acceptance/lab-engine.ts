/** The lab as engine: the in-process engine, the simulated cloud, and real servers behind it. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { SettingsInput } from "#contract";
import { chooseLevel, imageOf, type ChosenLevel } from "../lab/choose-level.ts";
import { CloudStore, writeWhole } from "../lab/cloud/state.ts";
import type { Properties } from "../lab/cloud/values.ts";
import { readOrMakeCredentials, type Credentials } from "../lab/credentials.ts";
import { takeDown } from "../lab/down.ts";
import { effectsOfLevel } from "../lab/effects-of-level.ts";
import { evaluateInside } from "../lab/engine-process.ts";
import { destroyInProcess, type Step } from "../lab/engine/evaluate.ts";
import { evidenceEnvironment } from "../lab/evidence.ts";
import { StackState } from "../lab/engine/stack-state.ts";
import { readLabFile, writeLabFile } from "../lab/lab-file.ts";
import { hasNetwork, type Level } from "../lab/levels.ts";
import { enterPlace, openNetwork } from "../lab/network/namespaces.ts";
import { copyStackFile } from "../lab/stack-copy.ts";
import type { ProbeReport } from "../probe/index.ts";
import { hashPassword } from "../server/auth/password-hash.ts";
import type { Change, DeployedResource, Engine, Leftovers } from "./engine.ts";
import { runProbe } from "./probe-command.ts";
import { PROJECT, PROJECT_FOLDER } from "./working-copy.ts";

export interface LabEngineOptions {
  /** Working copy of the project. */
  readonly projectFolder: string;
  /** Folder of this run. */
  readonly folder: string;
  readonly stack: string;
  /** Undefined: the highest that this computer offers. */
  readonly level: Level | undefined;
  readonly say: (line: string) => void;
}

/** @throws LabError when the level was asked for and cannot be had. */
export async function openLabEngine(options: LabEngineOptions): Promise<Engine> {
  const { folder, level, say } = options;
  const labFolder = join(folder, "lab");
  await mkdir(labFolder, { recursive: true });
  const request = { level, install: false, projectFolder: PROJECT_FOLDER, say };
  const chosen = await chooseLevel(request);
  const credentials = await readOrMakeCredentials(labFolder, hashPassword);
  if (chosen.level !== "process") await openNetwork(labFolder, chosen.privileges);
  return new LabEngine(options, labFolder, chosen, credentials);
}

class LabEngine implements Engine {
  readonly description: readonly string[];
  readonly secrets: readonly string[];
  readonly removalCommand: string;
  readonly #options: LabEngineOptions;
  readonly #labFolder: string;
  readonly #chosen: ChosenLevel;
  readonly #credentials: Credentials;
  #outputs: Properties = {};

  constructor(
    options: LabEngineOptions,
    labFolder: string,
    chosen: ChosenLevel,
    credentials: Credentials,
  ) {
    this.#options = options;
    this.#labFolder = labFolder;
    this.#chosen = chosen;
    this.#credentials = credentials;
    this.description = [
      `The lab at level ${chosen.level}: a simulated Azure on one machine. Nothing here proves Azure itself.`,
    ];
    this.removalCommand = `npx gangway lab down --lab-folder ${labFolder}`;
    const { password, passwordHash, probePassword } = credentials;
    this.secrets = [password, passwordHash, probePassword];
  }

  async preview(settings: SettingsInput, signal: AbortSignal): Promise<readonly Change[]> {
    return this.#evaluate("preview", settings, signal);
  }

  async up(settings: SettingsInput, signal: AbortSignal): Promise<readonly Change[]> {
    return this.#evaluate("up", settings, signal);
  }

  async prove(signal: AbortSignal): Promise<ProbeReport> {
    return runProbe({
      summary: this.#outputs["probe"],
      password: this.#credentials.probePassword,
      enter: this.#enter(),
      environment: this.#environment(),
      signal,
    });
  }

  resources(): Promise<readonly DeployedResource[]> {
    const { resources } = new StackState(this.#labFolder, PROJECT, this.#options.stack);
    return Promise.resolve(resources.map(({ type, name, id }) => ({ type, name, id })));
  }

  async destroy(): Promise<void> {
    const { projectFolder, stack } = this.#options;
    const effects = await effectsOfLevel(this.#chosen.level, this.#labFolder);
    await destroyInProcess({ projectFolder, stack, labFolder: this.#labFolder, effects });
  }

  async leftovers(): Promise<Leftovers | undefined> {
    const simulated = new CloudStore(this.#labFolder).resources().map(({ name }) => name);
    const known = (await this.resources()).map(({ name }) => name);
    const names = [...new Set([...simulated, ...known])];
    if (names.length === 0) return undefined;
    return { names, command: this.removalCommand };
  }

  async forget(): Promise<void> {
    await takeDown(this.#labFolder);
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  async #evaluate(
    operation: "preview" | "up",
    settings: SettingsInput,
    signal: AbortSignal,
  ): Promise<readonly Change[]> {
    const { projectFolder, stack } = this.#options;
    const { level } = this.#chosen;
    const copy = await this.#copySettings(settings);
    const steps: Step[] = [];
    const { outputs } = await evaluateInside({
      job: { projectFolder, stack, stackFile: copy, labFolder: this.#labFolder, level, operation },
      enter: this.#enter(),
      environment: this.#environment(),
      onProgress: () => undefined,
      onStep: (step) => steps.push(step),
      signal,
    });
    if (operation === "up") this.#outputs = outputs;
    return steps.flatMap(({ operation: taken, type, name }) =>
      taken === "same" || type.startsWith("pulumi:") ? [] : [{ operation: taken, name }],
    );
  }

  /** Moves ports at the level `process`, and adds the accounts of the lab. */
  async #copySettings(settings: SettingsInput): Promise<string> {
    const { projectFolder, stack } = this.#options;
    const labFolder = this.#labFolder;
    const { level } = this.#chosen;
    writeWhole(join(projectFolder, `Pulumi.${stack}.yaml`), stringify({ config: {} }));
    const { file, overrides } = await copyStackFile({
      ...{ projectFolder, project: PROJECT, stack, labFolder, level },
      credentials: this.#credentials,
      more: settings as Properties,
      planned: readLabFile(labFolder)?.overrides,
    });
    const engine = "in-process" as const;
    writeLabFile(labFolder, {
      ...{ level, idleTimeoutScale: 1, engine, overrides },
      ...imageOf(this.#chosen),
    });
    return file;
  }

  #enter(): readonly string[] {
    const isBehindNetwork = hasNetwork(this.#chosen.level);
    return isBehindNetwork ? enterPlace(this.#labFolder, { kind: "client" }) : [];
  }

  #environment(): Readonly<Record<string, string>> {
    if (!hasNetwork(this.#chosen.level)) return {};
    return evidenceEnvironment(PROJECT_FOLDER, this.#labFolder);
  }
}
