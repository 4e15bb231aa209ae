/** The real stack in a lab of the test's own, at either level, with the means to change it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Settings } from "#contract";
import { CloudStore, writeWhole } from "../../lab/cloud/state.ts";
import type { Properties, Value } from "../../lab/cloud/values.ts";
import { readOrMakeCredentials, type Credentials } from "../../lab/credentials.ts";
import { takeDown } from "../../lab/down.ts";
import { evaluateInside, type Evaluated } from "../../lab/engine-process.ts";
import { writeLabFile, readLabFile } from "../../lab/lab-file.ts";
import { hasNetwork, networkAbility, type Level } from "../../lab/levels.ts";
import { machineFolder, type MachineFolder } from "../../lab/machine/layout.ts";
import { logPosition } from "../../lab/machine/server-log.ts";
import { waitForReload } from "../../lab/machine/server-process.ts";
import { enterPlace, openNetwork } from "../../lab/network/namespaces.ts";
import { runProgram, type ProgramResult } from "../../lab/programs.ts";
import { copyStackFile } from "../../lab/stack-copy.ts";
import type { ProbeReport } from "../../probe/index.ts";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { scratchLab } from "./network-level.ts";

export const PROJECT_FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const CHEAP = { logCost: 4, blockSize: 8, parallelism: 1 };

export interface LabStackOptions {
  readonly level: Level;
  /** On top of `Pulumi.dev.yaml`. */
  readonly settings?: Readonly<Record<string, Value>>;
  readonly idleTimeoutScale?: number;
  /** At the level `machine`: folder of the Linux that it boots. */
  readonly image?: string;
}

export class LabStack implements AsyncDisposable {
  readonly folder: string;
  readonly credentials: Credentials;
  settings: Settings;
  outputs: Properties = {};
  readonly #options: LabStackOptions;
  readonly #scratch: AsyncDisposable;

  private constructor(
    options: LabStackOptions,
    folder: string,
    credentials: Credentials,
    settings: Settings,
    scratch: AsyncDisposable,
  ) {
    this.#options = options;
    this.folder = folder;
    this.credentials = credentials;
    this.settings = settings;
    this.#scratch = scratch;
  }

  /** Brings the stack up. The probe runs unless the settings switch it off. */
  static async up(options: LabStackOptions): Promise<LabStack> {
    const scratch = await scratchLab();
    const { folder } = scratch;
    try {
      if (hasNetwork(options.level)) {
        const ability = await networkAbility();
        if (ability.kind !== "able") throw new Error(JSON.stringify(ability));
        await openNetwork(folder, ability.privileges);
      }
      const hash = (password: string) => hashPassword(password, CHEAP);
      const credentials = await readOrMakeCredentials(folder, hash);
      const { settings } = await prepare(options, folder, credentials);
      const stack = new LabStack(options, folder, credentials, settings, scratch);
      await stack.up();
      return stack;
    } catch (error) {
      await takeDown(folder);
      await scratch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Another `up` of the same stack, with changed settings. */
  async up(settings: Readonly<Record<string, Value>> = {}): Promise<Evaluated> {
    const { level } = this.#options;
    const options = { ...this.#options, settings: { ...this.#options.settings, ...settings } };
    const copy = await prepare(options, this.folder, this.credentials);
    this.settings = copy.settings;
    const evaluated = await evaluateInside({
      job: {
        projectFolder: PROJECT_FOLDER,
        stack: "dev",
        stackFile: copy.file,
        labFolder: this.folder,
        level,
      },
      enter: hasNetwork(level) ? enterPlace(this.folder, { kind: "client" }) : [],
      environment: {},
      onProgress: () => undefined,
      signal: new AbortController().signal,
    });
    this.outputs = evaluated.outputs;
    return evaluated;
  }

  get state(): CloudStore {
    return new CloudStore(this.folder);
  }

  get machineName(): string {
    const [machine] = this.state.ofType("azure-native:compute:VirtualMachine");
    if (machine === undefined) throw new Error("the stack has no machine");
    return machine.name;
  }

  get machine(): MachineFolder {
    return machineFolder(this.folder, this.machineName);
  }

  /** Where clients connect. */
  get address(): string {
    return this.settings.externalAddress || String(this.outputs["publicAddress"]);
  }

  /** A command line that runs where the clients are. */
  inClient(words: readonly string[]): [string, ...string[]] {
    const enter = hasNetwork(this.#options.level)
      ? enterPlace(this.folder, { kind: "client" })
      : [];
    const [program = "", ...args] = [...enter, ...words];
    return [program, ...args];
  }

  run(words: readonly string[], input?: string): Promise<ProgramResult> {
    return runProgram(this.inClient(words), input);
  }

  /** Runs the probe again, with evidence of the layers as they are now; its report as JSON. */
  async verify(...more: readonly string[]): Promise<ProbeReport> {
    const { command } = this.outputs["probe"] as { readonly command: string };
    const gangway = `${process.execPath} ${join(PROJECT_FOLDER, "cli", "gangway.mjs")}`;
    const evidence = `${gangway} lab evidence --lab-folder ${this.folder}`;
    const line = [
      command.replace(/^npx gangway/, gangway),
      "--json",
      `--evidence '${evidence}'`,
      ...more,
    ].join(" ");
    const password = `GANGWAY_PROBE_PASSWORD=${this.credentials.probePassword}`;
    const { output, error } = await this.run(["env", password, "sh", "-c", line]);
    if (!output.startsWith("{")) throw new Error(`${line}\n${error}${output}`);
    return JSON.parse(output) as ProbeReport;
  }

  /** Changes a JSON file on the machine by hand, and waits until the server has taken it. */
  async editOnMachine(file: string, change: (content: Value) => Value): Promise<void> {
    const position = await logPosition(this.machine.logFile);
    writeWhole(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")) as Value)));
    await waitForReload(this.machine.logFile, position);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await takeDown(this.folder);
    await this.#scratch[Symbol.asyncDispose]();
  }
}

async function prepare(options: LabStackOptions, folder: string, credentials: Credentials) {
  const { level, settings = {}, idleTimeoutScale = 1, image } = options;
  const copy = await copyStackFile({
    projectFolder: PROJECT_FOLDER,
    project: "gangway",
    stack: "dev",
    labFolder: folder,
    level,
    credentials,
    more: settings,
    planned: readLabFile(folder)?.overrides,
  });
  writeLabFile(folder, {
    level,
    idleTimeoutScale,
    engine: "in-process",
    overrides: copy.overrides,
    ...(image === undefined ? {} : { image }),
  });
  return copy;
}
