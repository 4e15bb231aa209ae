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

/** A run in folders of its own, up to where its checks begin. */
async function openRun(name: string) {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await mkdtempDisposable(join(tmpdir(), "gangway-acceptance-cli-")));
  const projectFolder = join(folder.path, "run", "project");
  const labFolder = join(folder.path, "lab");
  await mkdir(projectFolder, { recursive: true });
  await copyProject(projectFolder);
  const overrides = { declared: "", list: [] };
  writeLabFile(labFolder, { level: "process", idleTimeoutScale: 1, engine: "pulumi", overrides });
  opening.defer(() => takeDown(labFolder));
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [(line) => lines.push(line)];
  const say = (line: string) => listeners.forEach((listen) => listen(line));
  const engine = await openPulumiEngine({
    projectFolder,
    folder: join(folder.path, "run"),
    stack: name,
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
    say,
  });
  const owned = opening.move();
  return {
    lines,
    listeners,
    simulated: () => new CloudStore(labFolder).resources(),
    run: (names: readonly string[], leaving: AbortSignal) =>
      runChecks({
        engine,
        azure: undefined,
        settings: ON_LOOPBACK,
        checks: CHECKS.filter((check) => names.includes(check.name)),
        keep: false,
        changeServer: () => changeServer(projectFolder),
        leaving,
        givingUp: new AbortController().signal,
        patienceSeconds: 30,
        say,
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe.skipIf(!hasPulumi())("the real Pulumi CLI under the acceptance run", () => {
  it("deploys, tries updates and destroys", { timeout: 600_000 }, async () => {
    await using opened = await openRun("acceptance-cli");
    const names = ["deployment", "unchanged", "range", "server", "idle-timeout"];
    const { results, removal } = await opened.run(names, new AbortController().signal);
    const seen = results.map(({ check, verdict }) => [check.name, verdict]);
    expect(Object.fromEntries(seen), opened.lines.slice(-60).join("\n")).toEqual(
      Object.fromEntries(names.map((name) => [name, expect.objectContaining({ kind: "proven" })])),
    );
    expect(removal).toEqual({ kind: "removed" });
    expect(opened.simulated()).toEqual([]);
  });

  it("is stopped in the middle of a deployment, and removes what is there", async () => {
    await using opened = await openRun("acceptance-stopped");
    const leaving = new AbortController();
    let thereWhenStopped = 0;
    opened.listeners.push((line) => {
      if (!/ResourceGroup.* created/.test(line) || leaving.signal.aborted) return;
      thereWhenStopped = opened.simulated().length;
      leaving.abort(new Error("interrupted"));
    });
    const { results, interrupted, removal } = await opened.run(["deployment"], leaving.signal);
    expect(interrupted, opened.lines.join("\n")).toBe(true);
    expect(thereWhenStopped).toBeGreaterThan(0);
    expect(results.map(({ verdict }) => verdict.kind)).toEqual(["undecided"]);
    expect(removal, opened.lines.slice(-40).join("\n")).toEqual({ kind: "removed" });
    expect(opened.simulated()).toEqual([]);
  });
});
