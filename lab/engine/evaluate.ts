/**
 * Runs a Pulumi program against the simulated cloud without the Pulumi CLI: in this process, or in
 * a process of its own. Everything the program declares is checked, created, updated and deleted
 * by the same rules that the provider plugin applies for the real CLI.
 */
import { Cloud } from "../cloud/cloud.ts";
import type { CloudEffects } from "../cloud/effects.ts";
import type { Value, Properties } from "../cloud/values.ts";
import { openAzureProvider, type ProviderConfig } from "./azure-provider.ts";
import { openCommandProvider } from "./command-provider.ts";
import { Deployment } from "./deployment.ts";
import { configText, fullName, readProject, readStackFile, type Project } from "./project.ts";
import type { ProviderOperations } from "./provider-operations.ts";
import { runProgram } from "./run-program.ts";
import { StackState, type StackResource } from "./stack-state.ts";

/** What to evaluate and against which lab. */
export interface Evaluation {
  /** Folder of `Pulumi.yaml`. */
  readonly projectFolder: string;
  /** Name of the stack, for example `dev`. */
  readonly stack: string;
  /**
   * Settings by name. A name without a colon belongs to the project; values other than text are
   * JSON, as in a stack file. They come on top of the defaults of `Pulumi.yaml` and of `stackFile`.
   */
  readonly config?: Readonly<Record<string, Value>>;
  /** Secret settings, likewise. */
  readonly secretConfig?: Readonly<Record<string, Value>>;
  /** A stack file (`Pulumi.dev.yaml`) whose `config` is loaded; encrypted values are refused. */
  readonly stackFile?: string;
  /** Folder of the lab: the cloud's state and the stack's. Absent: both live in memory only. */
  readonly labFolder?: string;
  /** `preview` changes nothing and executes invokes only; `up` is the default. */
  readonly operation?: "preview" | "up";
  /** One line for each step, as it happens. */
  readonly onStep?: (step: Step) => void;
}

/** What happened, or would happen, to one resource. */
export interface Step {
  readonly operation: "same" | "create" | "update" | "replace" | "delete";
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Paths of the properties that differ; empty for `same`, `create` and `delete`. */
  readonly differences: readonly string[];
}

/** A resource as the program registered it. */
export interface EvaluatedResource {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly parent: string | undefined;
  /** False for component resources. */
  readonly custom: boolean;
  /** ARM id, or the command's id; undefined for components, and when not known in a preview. */
  readonly id: string | undefined;
  readonly inputs: Properties;
  /** Not yet known values of a preview are `UNKNOWN` of `lab/cloud/values.ts`. */
  readonly outputs: Properties;
  /** Paths of secret inputs and outputs, for example `inputs.properties.value`. */
  readonly secrets: readonly string[];
}

/** Everything an evaluation learned. */
export interface EvaluationResult {
  readonly engine: "in-process";
  /** In order of registration. */
  readonly resources: readonly EvaluatedResource[];
  /** Stack outputs in plain. */
  readonly outputs: Properties;
  /** Names of stack outputs that are secret. */
  readonly secretOutputs: readonly string[];
  /** In order of execution. */
  readonly steps: readonly Step[];
  /** Lines that the program and its commands logged. */
  readonly log: readonly string[];
}

/** What `evaluateInProcess` takes besides. */
export interface InProcessEvaluation extends Evaluation {
  readonly effects?: CloudEffects;
}

/**
 * Evaluates a program in this process. Evaluations must not overlap: the SDK's connection is one
 * per process. Modules of earlier evaluations stay in memory; `openEvaluator` runs many.
 *
 * @throws Error that names the resource and what refused it, or the setting that is missing.
 */
export async function evaluateInProcess(
  evaluation: InProcessEvaluation,
): Promise<EvaluationResult> {
  const project = readProject(evaluation.projectFolder);
  const settings = settingsOf(project, evaluation);
  const preview = evaluation.operation === "preview";
  const steps: Step[] = [];
  const log: string[] = [];
  const { state, providers } = open(project, evaluation, settings.config, (line) => log.push(line));
  const onStep = (step: Step): void => {
    steps.push(step);
    evaluation.onStep?.(step);
  };
  const deployment = new Deployment({ state, providers, preview, onStep });
  const { stack } = evaluation;
  await runProgram({ project, stack, preview, ...settings, deployment, providers });
  await deployment.finish();
  const root = deployment.registered.find(({ type }) => type === STACK_TYPE);
  const outputs = root?.outputs ?? {};
  const secretOutputs = (root?.secretOutputs ?? []).map((path) => path.split(/[.[]/)[0] ?? path);
  if (!preview) state.setOutputs(outputs, secretOutputs);
  return {
    engine: "in-process",
    resources: deployment.registered.filter(({ type }) => type !== STACK_TYPE).map(evaluated),
    outputs,
    secretOutputs: [...new Set(secretOutputs)],
    steps,
    log,
  };
}

/** Deletes everything a stack deployed, the last first. Returns what was deleted. */
export async function destroyInProcess(
  evaluation: Omit<InProcessEvaluation, "operation">,
): Promise<readonly Step[]> {
  const project = readProject(evaluation.projectFolder);
  const settings = settingsOf(project, evaluation, "without mandatory settings");
  const steps: Step[] = [];
  const { state, providers } = open(project, evaluation, settings.config, () => undefined);
  const onStep = (step: Step): void => {
    steps.push(step);
    evaluation.onStep?.(step);
  };
  // A deployment in which the program registers nothing.
  await new Deployment({ state, providers, preview: false, onStep }).finish();
  state.clear();
  return steps;
}

const STACK_TYPE = "pulumi:pulumi:Stack";

interface Settings {
  readonly config: Readonly<Record<string, string>>;
  readonly secretKeys: readonly string[];
}

function settingsOf(
  project: Project,
  { stack, stackFile, config = {}, secretConfig = {} }: Evaluation,
  leniency?: "without mandatory settings",
): Settings {
  const named = (values: Readonly<Record<string, Value>>): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        fullName(project.name, key),
        configText(value),
      ]),
    );
  const all = {
    ...project.defaults,
    ...(stackFile === undefined ? {} : readStackFile(stackFile, project.name)),
    ...named(config),
    ...named(secretConfig),
  };
  const missing = project.mandatory.find((key) => all[key] === undefined);
  if (missing !== undefined && leniency === undefined) {
    throw new Error(
      `Stack '${stack}' is missing configuration value '${missing.slice(missing.indexOf(":") + 1)}'. Set it with: pulumi config set ${missing} VALUE`,
    );
  }
  return { config: all, secretKeys: Object.keys(named(secretConfig)) };
}

function open(
  project: Project,
  { labFolder, stack, effects }: InProcessEvaluation,
  config: Readonly<Record<string, string>>,
  log: (line: string) => void,
): { readonly state: StackState; readonly providers: ReadonlyMap<string, ProviderOperations> } {
  const cloud = new Cloud({
    ...(labFolder === undefined ? {} : { folder: labFolder }),
    ...(effects === undefined ? {} : { effects }),
  });
  const prefix = "azure-native:";
  const azureConfig: ProviderConfig = Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );
  const all = [
    openAzureProvider(cloud, () => azureConfig),
    openCommandProvider({ folder: project.programFolder, log }),
  ];
  return {
    state: new StackState(labFolder, project.name, stack),
    providers: new Map(all.map((provider) => [provider.name, provider])),
  };
}

function evaluated(resource: StackResource): EvaluatedResource {
  const { type, name, urn, parent, custom, id, inputs, outputs, secretInputs, secretOutputs } =
    resource;
  return {
    type,
    name,
    urn,
    parent,
    custom,
    id: id === "" ? undefined : id,
    inputs,
    outputs,
    secrets: [
      ...secretInputs.map((path) => `inputs.${path}`),
      ...secretOutputs.map((path) => `outputs.${path}`),
    ],
  };
}
