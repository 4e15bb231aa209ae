import { mkdtempDisposable, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findOnPath, hasPulumi, PulumiNotFound, runPulumi } from "../../../lab/engine/cli.ts";

const projectFolder = fileURLToPath(new URL("../fixtures/small", import.meta.url));

if (!hasPulumi()) {
  console.log("Skipped: the tests with the real Pulumi CLI, which is not on the PATH.");
}

interface Preview {
  readonly steps: readonly { readonly op: string; readonly urn: string }[];
}

describe.skipIf(!hasPulumi())("the real Pulumi CLI against the lab", () => {
  it("previews, deploys, changes in place and destroys", { timeout: 300_000 }, async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "lab-pulumi-"));
    const lab = { labFolder: folder.path, level: "none", projectFolder };
    const pulumi = async (...args: readonly string[]) => {
      const result = await runPulumi(args, lab, { capture: true });
      expect(result.exitCode, result.stdout + result.stderr).toBe(0);
      return result.stdout;
    };
    const operations = async (...args: readonly string[]) => {
      const { steps } = JSON.parse(await pulumi("preview", "--json", ...args)) as Preview;
      return steps
        .filter(({ op }) => op !== "same" && op !== "refresh")
        .map(({ op, urn }) => `${op} ${urn.slice(urn.lastIndexOf("::") + 2)}`);
    };
    const before = await readdir(projectFolder);

    const planned = await operations();
    expect(planned).toContain("create vm");
    expect(await readdir(folder.path)).not.toContain("cloud.json");

    await pulumi("up", "--yes", "--skip-preview");
    const outputs = JSON.parse(await pulumi("stack", "output", "--json")) as Record<string, string>;
    expect(outputs).toMatchObject({
      address: "203.0.113.4",
      keyText: "[secret]",
      noted: "from the stack file",
      probed: `probed 203.0.113.4 from ${join(projectFolder, "program")}`,
    });
    expect(await operations()).toEqual([]);
    expect(await operations("--refresh")).toEqual([]);
    await pulumi("refresh", "--yes", "--skip-preview");
    expect(await operations()).toEqual([]);
    const state = await pulumi("stack", "export");
    expect(state).not.toContain("Correct-Horse-1");

    await pulumi("config", "set", "passivePorts", "50000-50019");
    expect(await operations()).toEqual(["update nsg"]);
    await pulumi("up", "--yes", "--skip-preview");
    expect(await operations()).toEqual([]);

    await pulumi("destroy", "--yes", "--skip-preview");
    const cloud = JSON.parse(await readFile(join(folder.path, "cloud.json"), "utf8")) as {
      resources: unknown;
    };
    expect(cloud.resources).toEqual([]);
    // The tree stays as it was.
    expect(await readdir(projectFolder)).toEqual(before);
  });

  it("shows Azure's refusals, and exits with a failure", { timeout: 180_000 }, async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "lab-pulumi-"));
    const lab = { labFolder: folder.path, level: "none", projectFolder };
    await runPulumi(["config", "set", "--path", "openPorts[0]", "70000"], lab, { capture: true });
    const { exitCode, stdout } = await runPulumi(["up", "--yes", "--skip-preview"], lab, {
      capture: true,
    });
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain("SecurityRuleInvalidPortRange");
  });
});

describe("without the Pulumi CLI", () => {
  it("says so and what to do", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "";
    try {
      expect(findOnPath("pulumi")).toBeUndefined();
      const lab = { labFolder: "/nowhere", level: "none", projectFolder };
      await expect(runPulumi(["preview"], lab)).rejects.toBeInstanceOf(PulumiNotFound);
    } finally {
      process.env["PATH"] = path;
    }
  });
});
