/** The arguments of the server's process. */
import { parseArgs } from "node:util";

export interface StartupArguments {
  readonly settingsFile: string;
  readonly deploymentFile: string | undefined;
  /** Overrides `dataFolder` of the settings. */
  readonly dataFolder: string | undefined;
  /** Overrides `listen.addresses` of the settings. */
  readonly host: string | undefined;
}

/** Thrown when the arguments make no sense; the message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const USAGE = "usage: server --settings FILE [--deployment FILE] [--data FOLDER] [--host ADDRESS]";

/** @throws UsageError */
export function parseArguments(args: readonly string[]): StartupArguments {
  const values = parseValues(args);
  if (values.settings === undefined) throw new UsageError(`--settings is missing\n${USAGE}`);
  return {
    settingsFile: values.settings,
    deploymentFile: values.deployment,
    dataFolder: values.data,
    host: values.host,
  };
}

function parseValues(args: readonly string[]): {
  readonly settings?: string;
  readonly deployment?: string;
  readonly data?: string;
  readonly host?: string;
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        settings: { type: "string" },
        deployment: { type: "string" },
        data: { type: "string" },
        host: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}
