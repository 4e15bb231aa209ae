/** Ports behind a filter that drops: the probe in a network namespace of its own, with nftables. */
import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { CheckReport, ProbeReport } from "../../probe/index.ts";

const HARNESS = fileURLToPath(new URL("../support/probe-behind-filter.ts", import.meta.url));
const NAMESPACE = ["--user", "--map-root-user", "--net"];

function namespacesWork(): boolean {
  try {
    execFileSync("unshare", [...NAMESPACE, "nft", "list", "ruleset"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const required = process.env["GANGWAY_REQUIRE_ALL_LEVELS"] === "1";

async function probe(...args: string[]): Promise<ProbeReport> {
  const command = [...NAMESPACE, process.execPath, HARNESS, ...args];
  const { stdout } = await promisify(execFile)("unshare", command);
  return JSON.parse(stdout) as ProbeReport;
}

const find = ({ checks }: ProbeReport, id: string): CheckReport | undefined =>
  checks.find((check) => check.id === id);

const failures = ({ checks }: ProbeReport) =>
  checks.filter(({ outcome }) => outcome === "failed").map(({ id }) => id);

describe.skipIf(!required && !namespacesWork())("behind a filter", () => {
  it("everything passes when it drops only what lies outside", async () => {
    const report = await probe("drop:outside");
    expect(failures(report)).toEqual([]);
    expect(find(report, "outsidePorts")?.detail).toMatch(/^\d+ silent, \d+ silent$/);
  });

  it("a dropped edge may be any filter's fault, in the order of packets", async () => {
    const report = await probe("drop:last");
    expect(failures(report)).toContain("edgePorts");
    expect(find(report, "edgePorts")).toMatchObject({
      suspect: "subnetNsg",
      alternatives: ["nicNsg", "guestFirewall"],
      setting: "passivePorts",
    });
    expect(find(report, "login")?.outcome).toBe("passed");
  });

  it.each(["subnetNsg", "nicNsg", "guestFirewall"])("evidence names %s alone", async (layer) => {
    const report = await probe("drop:last", `evidence:${layer}`);
    for (const id of ["layers", "edgePorts"]) {
      expect(find(report, id)).toMatchObject({
        outcome: "failed",
        suspect: layer,
        alternatives: [],
      });
    }
  });

  it("a dropped control port is told from one that refuses", async () => {
    const report = await probe("drop:control");
    expect(failures(report)).toEqual(["controlPort"]);
    expect(find(report, "controlPort")).toMatchObject({
      suspect: "subnetNsg",
      setting: "controlPort",
    });
    expect(find(report, "implicitTls")?.outcome).toBe("passed");
  });

  it("silence all around proves nothing about ports that should be closed", async () => {
    const report = await probe("drop:all");
    expect(failures(report)).toEqual(["controlPort", "implicitTls"]);
    expect(find(report, "outsidePorts")?.outcome).toBe("notRun");
  });
});
