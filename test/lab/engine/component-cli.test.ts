/** The example in YAML, with the real CLI, the component package and the simulated cloud. */
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CloudStore } from "../../../lab/cloud/state.ts";
import { findOnPath, hasPulumi, runPulumi } from "../../../lab/engine/cli.ts";
import { PROJECT_FOLDER } from "../../support/lab-stack.ts";

const EXAMPLE = join(PROJECT_FOLDER, "examples", "yaml");
const hasYaml = findOnPath("pulumi-language-yaml") !== undefined;

describe.skipIf(!hasPulumi() || !hasYaml)("the real Pulumi CLI with the component package", () => {
  it("makes a server from YAML, changes nothing twice, and removes it", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-component-"));
    const lab = { labFolder: folder.path, level: "none", projectFolder: EXAMPLE };
    const pulumi = async (...args: readonly string[]) => {
      const result = await runPulumi(args, lab, { capture: true });
      expect(result.exitCode, result.stdout + result.stderr).toBe(0);
      return result.stdout;
    };
    expect(await pulumi("preview")).toMatch(/\+ \d+ to create/);
    await pulumi("up", "--yes", "--skip-preview");
    const machines = new CloudStore(folder.path).ofType("azure-native:compute:VirtualMachine");
    expect(machines.map(({ name }) => name)).toEqual(["partners-dev"]);
    await pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
    await pulumi("destroy", "--yes", "--skip-preview");
    expect(new CloudStore(folder.path).resources()).toEqual([]);
  });
});
