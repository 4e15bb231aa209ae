/** A copy of the project whose server differs, and with it the bundle. */
import { appendFile, cp, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./program.ts";

/** Too large to copy, or of no use for a stack. */
const LINKED = ["node_modules"];
const LEFT_OUT = [...LINKED, ".git", ".gangway", "test", "docs", "bench"];

/** @param folder an empty one. */
export async function copyChangedProject(folder: string): Promise<void> {
  const names = (await readdir(ROOT)).filter((name) => !LEFT_OUT.includes(name));
  for (const name of names) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of LINKED) await symlink(join(ROOT, name), join(folder, name));
  await appendFile(join(folder, "server", "main.ts"), '\nprocess.title = "gangway, changed";\n');
}
