/** The real Pulumi program, evaluated against the lab's cloud without deploying anything. */
import { fileURLToPath } from "node:url";
import type { SettingsInput } from "#contract";
import type { Properties, Value } from "../../lab/cloud/values.ts";
import type { EvaluatedResource, EvaluationResult } from "../../lab/engine/evaluate.ts";
import type { Evaluator } from "../../lab/engine/evaluator.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface ProgramRun {
  readonly operation?: "preview" | "up";
  readonly stack?: string;
  readonly secrets?: Readonly<Record<string, Value>>;
  /** Where state lives from one run to the next; absent: in memory, for this run only. */
  readonly labFolder?: string;
  /** Folder of `Pulumi.yaml`; absent: that of this repository. */
  readonly projectFolder?: string;
}

/** Evaluates the program with these settings on top of its defaults. */
export function evaluateProgram(
  evaluator: Evaluator,
  settings: SettingsInput,
  {
    operation = "preview",
    stack = "dev",
    secrets = {},
    labFolder,
    projectFolder = ROOT,
  }: ProgramRun = {},
): Promise<EvaluationResult> {
  return evaluator.evaluate({
    projectFolder,
    stack,
    operation,
    config: settings as Properties,
    secretConfig: secrets,
    ...(labFolder === undefined ? {} : { labFolder }),
  });
}

/** The resource of this type and, where there are several, this name. */
export function resourceOf(
  { resources }: EvaluationResult,
  type: string,
  name?: string,
): EvaluatedResource {
  const [found, ...others] = resources.filter(
    (resource) => resource.type === type && (name === undefined || resource.name === name),
  );
  if (found === undefined || others.length > 0) {
    throw new Error(`${String(others.length + (found === undefined ? 0 : 1))} resources ${type}`);
  }
  return found;
}
