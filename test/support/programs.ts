/** Programs that tests use where they are installed. Where they are not, the test is named as not run. */
import { findOnPath } from "../../lab/engine/cli.ts";

/** Whether this computer has a program. In CI, which installs them all, a test that is skipped has failed. */
export function isInstalled(program: string): boolean {
  return findOnPath(program) !== undefined;
}
