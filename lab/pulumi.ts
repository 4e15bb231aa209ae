/** `gangway lab pulumi`: the real Pulumi CLI against the lab's cloud, at the lab's level. */
import type { HashPassword } from "./credentials.ts";
import { LabError } from "./lab-error.ts";
import type { Level } from "./levels.ts";

export interface PulumiOptions {
  readonly args: readonly string[];
  readonly labFolder: string;
  readonly level: Level | undefined;
  readonly projectFolder: string;
  readonly project: string;
  readonly hashPassword: HashPassword;
  readonly say: (line: string) => void;
}

/** @returns the exit code of the CLI. */
export async function runPulumiInLab(options: PulumiOptions): Promise<number> {
  throw new LabError(`The lab cannot run pulumi ${options.args.join(" ")} yet.`);
}
