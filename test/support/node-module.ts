/** Runs a few lines in a Node process of their own, because they change what holds for a whole process. */
import { execFileSync } from "node:child_process";

/** What they print. @param flags of Node and V8. */
export function outputOfModule(source: string, flags: readonly string[]): string {
  const env = { ...process.env, NODE_OPTIONS: "" };
  const args = [...flags, "--input-type=module", "--eval", source];
  return execFileSync(process.execPath, args, { env, encoding: "utf8" });
}
