/** The operations page names whatever somebody may be woken by: each check of the probe, each alert. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseSettings } from "#contract";
import { planAlerts } from "../../infra/plan/alerts.ts";
import { planChecks } from "../../probe/checks/index.ts";
import type { Expectations } from "../../probe/options.ts";

const PAGE = readFileSync(
  fileURLToPath(new URL("../../docs/operations.md", import.meta.url)),
  "utf8",
);

/** First column of the tables below a heading. */
function firstColumn(heading: string): string {
  const [, section = ""] = PAGE.split(`\n## ${heading}\n`);
  const [body = ""] = section.split("\n## ");
  return [...body.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell = ""]) => cell).join("\n");
}

describe("docs/operations.md", () => {
  it("has steps for each check of the probe, and for no other", () => {
    const expected = {
      controlPort: 21,
      implicitTlsPort: 990,
      boundPorts: [{ channel: "control", port: 2121 }],
      passivePorts: { first: 50000, last: 50099 },
      passiveSlices: 1,
      account: "probe",
      idleSeconds: 60,
      dataPolicy: "require",
      controlPolicy: "require",
    } as unknown as Expectations;
    const documented = [...firstColumn("Incidents").matchAll(/`(\w+)`/g)].map(([, id]) => id);
    const ids = planChecks(expected).map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(15);
    expect([...new Set(documented)].toSorted()).toEqual(ids.toSorted());
  });

  it("has each alert, and no other", () => {
    const settings = parseSettings({ monitoring: { mode: "on" } });
    const planned = planAlerts(settings).map(({ name }) => name);
    const documented = [...firstColumn("Alerts").matchAll(/`…-([\w-]+)`/g)].map(([, name]) => name);
    // Azure's own word on the machine is a metric alert.
    expect(documented.toSorted()).toEqual([...planned, "machine"].toSorted());
  });
});
