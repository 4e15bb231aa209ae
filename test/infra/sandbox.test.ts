/** How much of the machine the server's unit leaves open, by systemd's own count. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MACHINE_LAYOUT } from "#contract";
import { renderGeneration } from "../../infra/machine/service-units.ts";

/** Of 10; the lower the better. Raise it, and the figure in the document, only with a reason. */
const HIGHEST_EXPOSURE = 1.1;
const DOCUMENT = join(import.meta.dirname, "../../docs/operations.md");

/** `--offline` came with systemd 250. */
const version = /systemd (\d+)/.exec(
  spawnSync("systemd-analyze", ["--version"], { encoding: "utf8" }).stdout,
)?.[1];

describe.runIf(Number(version) >= 250)("the server's sandbox", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gangway-sandbox-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function exposureOf(unit: string): Promise<number> {
    const file = join(folder, "gangway@a.service");
    await writeFile(file, unit);
    const words = ["security", "--offline=true", "--no-pager", file];
    const report = execFileSync("systemd-analyze", words, { encoding: "utf8" });
    return Number(/exposure level for \S+: (\d+\.\d+)/.exec(report)?.[1]);
  }

  it("exposes no more than the document says", async () => {
    const exposure = await exposureOf(renderGeneration());
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThanOrEqual(HIGHEST_EXPOSURE);
    expect(await readFile(DOCUMENT, "utf8")).toContain(`**${String(HIGHEST_EXPOSURE)}**`);
  });

  it("would be noticed when it lost a wall", async () => {
    const open = renderGeneration().replace("PrivateUsers=yes\n", "");
    expect(await exposureOf(open)).toBeGreaterThan(HIGHEST_EXPOSURE);
  });
});

describe("the server's unit", () => {
  it("may write to the data folder and to folders of its own below /run and /var/log, no more", () => {
    const paths = renderGeneration()
      .split("\n")
      .filter((line) => /^(ReadWritePaths|\w*Directory|BindPaths)=/.test(line));
    expect(paths).toEqual([
      "RuntimeDirectory=gangway/%i",
      "LogsDirectory=gangway",
      `ReadWritePaths=${MACHINE_LAYOUT.dataFolder}`,
    ]);
  });
});
