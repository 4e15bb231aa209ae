/** Pulumi's own CLI as engine, driven through its Automation API: a real subscription. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { LocalWorkspace, type EngineEvent, type Stack } from "@pulumi/pulumi/automation/index.js";
import { parse, stringify } from "yaml";
import type { SettingsInput } from "#contract";
import type { ProbeReport } from "../probe/index.ts";
import type { Change, DeployedResource, Engine, Leftovers, Operation } from "./engine.ts";
import { AcceptanceError } from "./errors.ts";
import { runProbe } from "./probe-command.ts";
import { PROJECT, PROJECT_FOLDER } from "./working-copy.ts";

const SECRET_BYTES = 24;
const LINES_OF_FAILURE = 40;

export interface PulumiEngineOptions {
  /** Working copy of the project, with `Pulumi.yaml`. */
  readonly projectFolder: string;
  /** Folder of this run; state and passphrase lie in it until nothing is left of the stack. */
  readonly folder: string;
  readonly stack: string;
  /** Region, for example `westeurope`. */
  readonly location: string;
  /** On top of this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly description: readonly string[];
  /** What each output line of the CLI is told to. */
  readonly say: (line: string) => void;
}

/** @throws AcceptanceError when the CLI cannot be used. */
export async function openPulumiEngine(options: PulumiEngineOptions): Promise<Engine> {
  const { folder, projectFolder, stack, location } = options;
  const state = join(folder, "state");
  await mkdir(state, { recursive: true, mode: 0o700 });
  const secrets = await readOrMakeSecrets(folder);
  const workspace = {
    workDir: projectFolder,
    envVars: {
      PULUMI_BACKEND_URL: pathToFileURL(state).href,
      PULUMI_CONFIG_PASSPHRASE: secrets.passphrase,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // The pinned Node runs program and commands.
      PATH: [join(PROJECT_FOLDER, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(
        delimiter,
      ),
      ...options.environment,
    },
  };
  let opened: Stack;
  try {
    opened = await LocalWorkspace.createOrSelectStack(
      { stackName: stack, workDir: projectFolder },
      workspace,
    );
    await opened.setConfig("azure-native:location", { value: location });
    await opened.setConfig(`${PROJECT}:probePassword`, {
      value: secrets.probePassword,
      secret: true,
    });
  } catch (error) {
    throw new AcceptanceError(`The Pulumi CLI cannot be used: ${lastLines(error)}`);
  }
  return new PulumiEngine(options, opened, secrets);
}

interface RunSecrets {
  readonly passphrase: string;
  readonly probePassword: string;
}

/** Kept in the folder of the run, so that a later process can remove what this one made. */
async function readOrMakeSecrets(folder: string): Promise<RunSecrets> {
  const file = join(folder, "secrets.json");
  try {
    return JSON.parse(await readFile(file, "utf8")) as RunSecrets;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const make = () => randomBytes(SECRET_BYTES).toString("base64url");
  const made: RunSecrets = { passphrase: make(), probePassword: make() };
  await writeFile(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

class PulumiEngine implements Engine {
  readonly description: readonly string[];
  readonly secrets: readonly string[];
  readonly removalCommand: string;
  readonly #options: PulumiEngineOptions;
  readonly #stack: Stack;
  readonly #probePassword: string;

  constructor(options: PulumiEngineOptions, stack: Stack, secrets: RunSecrets) {
    this.#options = options;
    this.#stack = stack;
    this.#probePassword = secrets.probePassword;
    this.description = options.description;
    this.removalCommand = `npm run acceptance -- --destroy ${options.stack}`;
    this.secrets = [secrets.passphrase, secrets.probePassword];
  }

  async preview(settings: SettingsInput, signal: AbortSignal): Promise<readonly Change[]> {
    this.#configure(settings);
    const changes = new ChangeCollector();
    await this.#watched(() => this.#stack.preview({ ...this.#listening(changes), signal }), signal);
    return changes.list;
  }

  async up(settings: SettingsInput, signal: AbortSignal): Promise<readonly Change[]> {
    this.#configure(settings);
    const changes = new ChangeCollector();
    await this.#watched(() => this.#stack.up({ ...this.#listening(changes), signal }), signal);
    return changes.list;
  }

  async prove(signal: AbortSignal): Promise<ProbeReport> {
    const outputs = await this.#stack.outputs();
    return runProbe({
      summary: outputs["probe"]?.value as unknown,
      password: this.#probePassword,
      enter: [],
      environment: {},
      signal,
    });
  }

  async resources(): Promise<readonly DeployedResource[]> {
    const { deployment } = await this.#stack.exportStack();
    const { resources = [] } = (deployment ?? {}) as { readonly resources?: ExportedResource[] };
    return resources
      .filter(({ type }) => !type.startsWith("pulumi:"))
      .map(({ urn, type, id = "" }) => ({ type, name: nameOf(urn), id }));
  }

  async destroy(signal: AbortSignal): Promise<void> {
    const { say } = this.#options;
    // After an interruption the state is locked, and says less than there is.
    await this.#stack.cancel().catch(() => undefined);
    try {
      await this.#stack.destroy({ onOutput: say, signal });
    } catch (error) {
      signal.throwIfAborted();
      say(`Destroying failed once, and is tried again after a refresh: ${lastLines(error)}`);
      await this.#watched(() => this.#stack.refresh({ onOutput: say, signal }), signal);
      await this.#watched(() => this.#stack.destroy({ onOutput: say, signal }), signal);
    }
  }

  async leftovers(): Promise<Leftovers | undefined> {
    const names = (await this.resources()).map(({ type, name }) => `${name} (${type})`);
    if (names.length === 0) return undefined;
    return { names, command: this.removalCommand };
  }

  async forget(): Promise<void> {
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  /** Writes the settings; what the CLI keeps in the same file (salt, secrets) stays. */
  #configure(settings: SettingsInput): void {
    const { projectFolder, stack } = this.#options;
    const file = join(projectFolder, `Pulumi.${stack}.yaml`);
    const document = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
    const isKept = ([key, value]: [string, unknown]) =>
      !key.startsWith(`${PROJECT}:`) ||
      (value !== null && typeof value === "object" && "secure" in value);
    const kept = Object.fromEntries(Object.entries(document.config ?? {}).filter(isKept));
    const own = Object.entries(settings).map(([key, value]) => [
      `${PROJECT}:${key}`,
      value as unknown,
    ]);
    writeFileSync(
      file,
      stringify({ ...document, config: { ...kept, ...Object.fromEntries(own) } }),
    );
  }

  #listening(changes: ChangeCollector) {
    const { say } = this.#options;
    return { onOutput: say, onEvent: (event: EngineEvent) => changes.add(event) };
  }

  async #watched(operation: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
    try {
      await operation();
    } catch (error) {
      signal.throwIfAborted();
      throw new AcceptanceError(lastLines(error));
    }
  }
}

interface ExportedResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
}

const nameOf = (urn: string): string => urn.slice(urn.lastIndexOf("::") + 2);

const OPERATIONS: Readonly<Record<string, Operation>> = {
  create: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
};

/** One change for each resource, from the several steps that a replacement is made of. */
class ChangeCollector {
  readonly #byUrn = new Map<string, Change>();

  add({ resourcePreEvent }: EngineEvent): void {
    if (resourcePreEvent === undefined) return;
    const { op, urn, type } = resourcePreEvent.metadata;
    const operation = OPERATIONS[op];
    if (operation === undefined || type.startsWith("pulumi:")) return;
    this.#byUrn.set(`${operation} ${urn}`, { operation, name: nameOf(urn) });
  }

  get list(): readonly Change[] {
    return [...this.#byUrn.values()];
  }
}

/** The end of what the CLI said, where the reason stands. */
function lastLines(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trimEnd().split("\n").slice(-LINES_OF_FAILURE).join("\n");
}
