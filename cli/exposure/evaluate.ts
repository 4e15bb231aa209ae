/** The exposure table of a stack, from the real program, without deploying anything. */
import { fileURLToPath } from "node:url";
import { ContractError, SECRET_SETTINGS } from "#contract";
import { parseConfiguration } from "../../infra/plan/configuration.ts";
import { readExposure, type ExposureRow } from "../../infra/plan/exposure.ts";
import { evaluateInProcess } from "../../lab/engine/evaluate.ts";
import { CommandError } from "../errors.ts";
import { collectArtefacts } from "./artefacts.ts";
import { applySetting, readProjectName, readStack } from "./stack-configuration.ts";

export interface ExposureRequest {
  /** Folder of `Pulumi.yaml`. */
  readonly projectFolder: string;
  readonly stack: string;
  /** `name=value`, each overriding the stack's file. */
  readonly overrides: readonly string[];
  /** Told what the table does not take into account. */
  readonly report: (line: string) => void;
}

/** Folder of this repository's `Pulumi.yaml`. */
export const PROJECT_FOLDER = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Evaluates the program as a preview would, in this process, and reads each layer back from the
 * artefact that the program made for it.
 *
 * @throws ContractError, UsageError or CommandError, all for people to read.
 */
export async function evaluateExposure(request: ExposureRequest): Promise<readonly ExposureRow[]> {
  const { projectFolder, stack, overrides, report } = request;
  const project = await readProjectName(projectFolder);
  const { configuration, encrypted } = await readStack(projectFolder, stack);
  const visible = encrypted.filter((path) => !isSecretSetting(path));
  if (visible.length > 0) {
    report(`Not taken into account, because it is encrypted: ${visible.join(", ")}`);
  }
  const declared = overrides.reduce(
    (all, assignment) => applySetting(all, project, assignment),
    configuration,
  );
  const config = Object.fromEntries(
    Object.entries(declared).map(([name, value]) => [name, toText(value)]),
  );
  // Here first: a finding about the configuration is the person's, not the program's.
  parseConfiguration(config, project);
  return readExposure(collectArtefacts(await evaluate(projectFolder, stack, config)));
}

async function evaluate(
  projectFolder: string,
  stack: string,
  config: Readonly<Record<string, string>>,
) {
  try {
    const { resources } = await evaluateInProcess({
      projectFolder,
      stack,
      config,
      // Any will do: a preview logs in nowhere, and no port depends on it.
      secretConfig: Object.fromEntries(Object.keys(SECRET_SETTINGS).map((name) => [name, "-"])),
      operation: "preview",
    });
    return resources;
  } catch (error) {
    if (error instanceof ContractError || !(error instanceof Error)) throw error;
    throw new CommandError(
      `The program could not be evaluated. ${error.message}`,
      undefined,
      error,
    );
  }
}

function isSecretSetting(path: string): boolean {
  return path.slice(path.indexOf(":") + 1) in SECRET_SETTINGS;
}

/** As Pulumi hands settings to a program: text as it is, anything else as JSON. */
function toText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
