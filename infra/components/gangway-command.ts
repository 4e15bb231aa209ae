/** Commands of this repository, run on the machine that runs the stack. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type * as pulumi from "@pulumi/pulumi";
import { Logging } from "@pulumi/command/types/enums/local/index.js";
import { joinArguments } from "../plan/probe-command.ts";

/** Root of the repository, absolute: for files that are read here, never for a command. */
export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** The same root as commands see it, which start where the program starts: alike everywhere. */
const FOLDER = relative(process.cwd(), REPOSITORY) || ".";

/** Commands whose output is data or secret: nothing of it on the console. */
export const SILENT = {
  logging: Logging.None,
  addPreviousOutputInEnv: false,
  dir: FOLDER,
} as const;

/** Commands whose output people should see. */
export const AUDIBLE = { addPreviousOutputInEnv: false, dir: FOLDER } as const;

/** The command line of `gangway` with these arguments. */
export function gangway(words: readonly string[]): string {
  return joinArguments(["node", "cli/gangway.mjs", ...words]);
}

/** As `gangway`, with arguments that are known only during the deployment. */
export function gangwayOf(words: pulumi.Output<readonly string[]>): pulumi.Output<string> {
  return words.apply(gangway);
}
