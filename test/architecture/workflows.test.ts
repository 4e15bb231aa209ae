/** The workflows of GitHub Actions, judged by actionlint: syntax, expressions, inputs of actions. */
import { readdirSync } from "node:fs";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ACTIONLINT, isBuilt } from "../../scripts/go-tools.mjs";
import { runProgram } from "../../scripts/run-program.mjs";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, ".github", "workflows");
const workflows = readdirSync(FOLDER).filter((name) => name.endsWith(".yml"));
/** In CI it is an error, and not a gap, that the linter is missing. */
const required = process.env["GANGWAY_REQUIRE_ALL_LEVELS"] === "1";

const lint = (file: string) => runProgram(ACTIONLINT, ["-no-color", file], { cwd: ROOT });

describe.skipIf(!required && !isBuilt("actionlint"))(
  "the workflows (node scripts/go-tools.mjs builds actionlint)",
  () => {
    it.each(workflows)("%s has no findings", async (name) => {
      const { exitCode, output } = await lint(join(FOLDER, name));
      expect({ exitCode, output }).toEqual({ exitCode: 0, output: "" });
    });

    it("would be found at fault", async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-workflow-"));
      const file = join(folder.path, "wrong.yml");
      const step = { run: "echo ${{ github.nothing_like_it }}" };
      const jobs = { test: { "runs-on": "ubuntu-24.04", steps: [step] } };
      await writeFile(file, JSON.stringify({ on: "push", jobs }));
      const { exitCode, output } = await lint(file);
      expect(exitCode).toBe(1);
      expect(output).toContain("nothing_like_it");
    });
  },
);
