/**
 * Runs a Pulumi program against the simulated cloud without the Pulumi CLI: in this process, or in
 * a process of its own. Everything the program declares is checked, created, updated and deleted
 * by the same rules that the provider plugin applies for the real CLI.
 */
import type { CloudEffects } from "../cloud/effects.ts";
import type { Value, Properties } from "../cloud/values.ts";

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
