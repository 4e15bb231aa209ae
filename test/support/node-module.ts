/** Runs a few lines in a Node process of their own, because they change what holds for a whole process. */
import { spawnSync } from "node:child_process";

/**
 * What they print.
 *
 * @param flags of Node and V8
 * @throws when they fail or complain: of a flag that it does not know V8 says so, and goes on.
 */
export function outputOfModule(source: string, flags: readonly string[]): string {
  const env = { ...process.env, NODE_OPTIONS: "" };
  const args = [...flags, "--input-type=module", "--eval", source];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  if (status !== 0 || stderr !== "") throw new Error(`exit ${String(status)}: ${stderr}`);
  return stdout;
}
