/** `npm run acceptance -- --engine lab`, as CI stands in for somebody with a subscription. */
import { existsSync, readdirSync } from "node:fs";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runProgram } from "../../lab/programs.ts";
import { PROJECT_FOLDER } from "../support/lab-stack.ts";
import { describeNetwork } from "../support/network-level.ts";

const MAIN = join(PROJECT_FOLDER, "acceptance", "main.ts");
const RUNS = join(PROJECT_FOLDER, ".gangway", "acceptance");
const ONLY_IN_AZURE = 8;
const OF_THE_STACK = 8;

const runs = () => (existsSync(RUNS) ? readdirSync(RUNS) : []);

describeNetwork("the acceptance run in the lab", () => {
  it("proves the stack's life, leaves Azure's facts open, and leaves nothing else", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-acceptance-"));
    const file = join(folder.path, "report.md");
    const before = runs();
    const { exitCode, output, error } = await runProgram([
      process.execPath,
      MAIN,
      ...["--engine", "lab", "--level", "network", "--report", file],
    ]);
    expect(exitCode, output + error).toBe(0);
    const report = await readFile(file, "utf8");
    expect(report).toBe(output);
    expect(report).toContain("# Acceptance on the lab: accepted");
    expect(report).toContain("Everything was destroyed; nothing is left.");
    expect(report.match(/\| proven \|/g)).toHaveLength(OF_THE_STACK);
    expect(report.match(/\| not provable here \|/g)).toHaveLength(ONLY_IN_AZURE);
    expect(runs()).toEqual(before);
  });
});
