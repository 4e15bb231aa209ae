/** Settings for commands that look at them: of a server's file, or of a stack. */
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { parseWith, serverSettingsSchema, type ServerSettings, type Settings } from "#contract";
import { parseConfiguration } from "../../infra/plan/configuration.ts";
import { PROJECT_FOLDER } from "../exposure/evaluate.ts";
import { readProjectName, readStack } from "../exposure/stack-configuration.ts";
import { UsageError } from "../errors.ts";

/** Exactly one of the two. */
export interface SettingsSource {
  readonly file?: string | undefined;
  readonly stack?: string | undefined;
}

/** Either kind of settings; both hold sites and accounts. */
export type LoadedSettings = ServerSettings | Settings;

/**
 * Reads and validates settings.
 *
 * @throws ContractError listing everything that does not hold, UsageError for what cannot be read.
 */
export async function loadSettings({ file, stack }: SettingsSource): Promise<LoadedSettings> {
  if ((file === undefined) === (stack === undefined)) {
    throw new UsageError("Name one source of settings: a file, or --stack <name>.");
  }
  if (stack !== undefined) return loadStack(stack);
  return parseWith(serverSettingsSchema, await readDocument(file ?? ""));
}

async function loadStack(stack: string): Promise<Settings> {
  const project = await readProjectName(PROJECT_FOLDER);
  const { configuration } = await readStack(PROJECT_FOLDER, stack);
  const texts = Object.entries(configuration).map(
    ([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const,
  );
  return parseConfiguration(Object.fromEntries(texts), project);
}

/** JSON, or YAML, which JSON is a part of. */
async function readDocument(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8");
  try {
    return parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new UsageError(`${file}: is neither JSON nor YAML (${detail ?? ""}); correct the file.`);
  }
}
