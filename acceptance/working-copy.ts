/** A copy of the project: the stack file and the changed server stay out of the person's clone. */
import { appendFile, cp, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT_FOLDER = fileURLToPath(new URL("..", import.meta.url));
/** Its name in `Pulumi.yaml`: the namespace of its settings. */
export const PROJECT = "gangway";

/** Too large to copy. */
const LINKED = ["node_modules"];
/** Of no use for a stack. */
const LEFT_OUT = [...LINKED, ".git", ".gangway", "test", "docs", "bench"];

/** @param folder an empty one. */
export async function copyProject(folder: string): Promise<void> {
  const names = (await readdir(PROJECT_FOLDER)).filter((name) => !LEFT_OUT.includes(name));
  for (const name of names) {
    // Stack files are somebody's stacks; keys and tokens may lie in them.
    if (/^Pulumi\..+\.yaml$/.test(name)) continue;
    await cp(join(PROJECT_FOLDER, name), join(folder, name), { recursive: true });
  }
  for (const name of LINKED) await symlink(join(PROJECT_FOLDER, name), join(folder, name));
}

/** Changes the server so that its bundle is another one, and everything that it does is the same. */
export async function changeServer(folder: string): Promise<void> {
  const line = '\nprocess.title = "gangway, changed";\n';
  await appendFile(join(folder, "server", "main.ts"), line);
}
