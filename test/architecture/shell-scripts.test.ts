import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderBootstrapScript } from "../../infra/machine/bootstrap-script.ts";
import { LAYOUT } from "../../infra/machine/layout.ts";
import { renderUnits } from "../../infra/machine/units.ts";

const ROOT = join(import.meta.dirname, "../..");
/**
 * Not findings here: `CDPATH= cd` is an idiom, parameters of a Run Command arrive as environment
 * variables, and release folders have plain names.
 */
const EXCLUDED = "SC1007,SC2154,SC2012";

const isInstalled = spawnSync("shellcheck", ["--version"]).status === 0;

/** Script by name: those in the repository, and those that it renders for the machine. */
async function collectScripts(): Promise<ReadonlyMap<string, string>> {
  const files = await Promise.all(
    [".ci/run", "lab/engine/bin/pulumi-resource-azure-native"].map(
      async (path) => [path, await readFile(join(ROOT, path), "utf8")] as const,
    ),
  );
  return new Map([
    ...files,
    ["bootstrap script", renderBootstrapScript("0".repeat(64), LAYOUT)],
    ...renderUnits()
      .filter(({ name }) => name.endsWith(".sh"))
      .map(({ name, content }) => [name, content] as const),
  ]);
}

const scripts = await collectScripts();

describe.skipIf(!isInstalled)("shell scripts", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gangway-shell-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([...scripts.keys()])("%s has no findings", async (name) => {
    const file = join(folder, "script.sh");
    await writeFile(file, scripts.get(name) ?? "");
    const { stdout } = await promisify(execFile)("shellcheck", [
      `--exclude=${EXCLUDED}`,
      file,
    ]).catch((error: { readonly stdout: string }) => error);
    expect(stdout).toBe("");
  });
});
