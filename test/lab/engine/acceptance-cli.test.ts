/** The acceptance run's engine for subscriptions, with the real CLI against the simulated cloud. */
import { mkdir, mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SettingsInput } from "#contract";
import { openPulumiEngine } from "../../../acceptance/pulumi-engine.ts";
import { CHECKS, runChecks } from "../../../acceptance/run.ts";
import { changeServer, copyProject } from "../../../acceptance/working-copy.ts";
import { CloudStore } from "../../../lab/cloud/state.ts";
import { takeDown } from "../../../lab/down.ts";
import { hasPulumi } from "../../../lab/engine/cli.ts";
import { writeLabFile } from "../../../lab/lab-file.ts";
import { PROJECT_FOLDER } from "../../support/lab-stack.ts";

if (!hasPulumi()) {
  console.log("Skipped: the acceptance run with the real Pulumi CLI, which is not on the PATH.");
}

/** Where nobody needs privileges. */
const ON_LOOPBACK: SettingsInput = {
  environment: "dev",
  controlPort: 2421,
  implicitTlsPort: 2422,
  healthProbePort: 2423,
  passivePorts: "24300-24319",
  externalAddress: "127.0.0.1",
  allowPrivateExternalAddress: true,
};

describe.skipIf(!hasPulumi())("the real Pulumi CLI under the acceptance run", () => {
  it("deploys, tries updates and destroys", { timeout: 600_000 }, async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-acceptance-cli-"));
    const projectFolder = join(folder.path, "run", "project");
    const labFolder = join(folder.path, "lab");
    await mkdir(projectFolder, { recursive: true });
    await copyProject(projectFolder);
    const overrides = { declared: "", list: [] };
    writeLabFile(labFolder, { level: "process", idleTimeoutScale: 1, engine: "pulumi", overrides });
    const lines: string[] = [];
    const engine = await openPulumiEngine({
      projectFolder,
      folder: join(folder.path, "run"),
      stack: "acceptance-cli",
      location: "westeurope",
      description: ["Pulumi's CLI against the lab."],
      environment: {
        GANGWAY_LAB_FOLDER: labFolder,
        GANGWAY_LAB_LEVEL: "process",
        PATH: [
          join(PROJECT_FOLDER, "lab", "engine", "bin"),
          join(PROJECT_FOLDER, "node_modules", ".bin"),
          process.env["PATH"] ?? "",
        ].join(delimiter),
        PULUMI_IGNORE_AMBIENT_PLUGINS: "false",
      },
      say: (line) => lines.push(line),
    });
    const names = ["deployment", "unchanged", "range", "server", "idle-timeout"];
    try {
      const never = new AbortController().signal;
      const result = await runChecks({
        engine,
        azure: undefined,
        settings: ON_LOOPBACK,
        checks: CHECKS.filter(({ name }) => names.includes(name)),
        keep: false,
        changeServer: () => changeServer(projectFolder),
        leaving: never,
        givingUp: never,
        patienceSeconds: 30,
        say: (line) => lines.push(line),
      });
      const seen = result.results.map(({ check, verdict }) => [check.name, verdict]);
      expect(Object.fromEntries(seen), lines.slice(-60).join("\n")).toEqual(
        Object.fromEntries(
          names.map((name) => [name, expect.objectContaining({ kind: "proven" })]),
        ),
      );
      expect(result.removal).toEqual({ kind: "removed" });
      expect(new CloudStore(labFolder).resources()).toEqual([]);
    } finally {
      await takeDown(labFolder);
    }
  });
});
