import { describe, expect, it } from "vitest";
import { collectArtefacts, type DeclaredResource } from "../../../cli/exposure/artefacts.ts";
import {
  compareExposure,
  formatChanges,
  isExposureTable,
} from "../../../cli/exposure/difference.ts";
import { evaluateExposure, PROJECT_FOLDER } from "../../../cli/exposure/evaluate.ts";
import {
  readExposure,
  type ExposureLayer,
  type ExposureRow,
} from "../../../infra/plan/exposure.ts";
import { evaluateInProcess } from "../../../lab/engine/evaluate.ts";

const { resources } = await evaluateInProcess({
  projectFolder: PROJECT_FOLDER,
  stack: "dev",
  secretConfig: { probePassword: "-" },
  operation: "preview",
});

/** The table after one resource was tampered with. */
const tableAfter = (tamper: (resource: DeclaredResource) => DeclaredResource) =>
  readExposure(collectArtefacts(resources.map(tamper)));

const changedLayers = (after: readonly ExposureRow[]) => [
  ...new Set(compareExposure(table, after).map(({ line }) => line.split(":")[0])),
];

const table = tableAfter((resource) => resource);

/** Replaces text anywhere in the inputs of one resource. */
const replaceIn =
  (name: RegExp, from: RegExp, to: string) =>
  (resource: DeclaredResource): DeclaredResource => {
    if (!name.test(resource.name)) return resource;
    const text = JSON.stringify(resource.inputs);
    expect(text).toMatch(from);
    const inputs: Readonly<Record<string, unknown>> = JSON.parse(text.replace(from, to));
    return { ...resource, inputs };
  };

describe("each row comes from its own artefact", () => {
  it.each<[ExposureLayer, RegExp, RegExp, string]>([
    ["subnetNsg", /^subnet-nsg$/, /50000-50099/, "50000-50098"],
    ["nicNsg", /^nic-nsg$/, /50000-50099/, "50000-50098"],
    ["subnetNsg", /^network$/, /"flowTimeoutInMinutes":\d+/, '"flowTimeoutInMinutes":7'],
    ["nicNsg", /^address$/, /"idleTimeoutInMinutes":\d+/, '"idleTimeoutInMinutes":7'],
    ["guestFirewall", /^settings-/, /tcp dport 50000-50099/, "tcp dport 50000-50098"],
    ["reservedPorts", /^settings-/, /(ip_local_reserved_ports[^\\]*)50000-50099/, "$150000-50098"],
    ["server", /^settings-/, /(passive[^}]*)50000-50099/, "$150000-50098"],
  ])("%s: edited in %s", (layer, name, from, to) => {
    expect(changedLayers(tableAfter(replaceIn(name, from, to)))).toEqual([layer]);
  });

  it("is missed when the program does not declare it", () => {
    const without = (name: string) => resources.filter((resource) => resource.name !== name);
    expect(() => collectArtefacts(without("nic-nsg"))).toThrow(
      "declares 0 resources network:NetworkSecurityGroup nic-nsg",
    );
    expect(() =>
      collectArtefacts(resources.filter(({ name }) => !name.startsWith("settings-"))),
    ).toThrow("delivers no settings");
  });
});

describe("the difference between two tables", () => {
  it("is none between equal ones", () => {
    expect(compareExposure(table, structuredClone(table))).toEqual([]);
  });

  it("names layer, ports and people, what went before what came", () => {
    const nic = table.find(({ layer }) => layer === "nicNsg");
    const rules = nic?.rules.slice(1) ?? [];
    const after = table.map((row) => (row.layer === "nicNsg" ? { ...row, rules } : row));
    expect(formatChanges(compareExposure(table, after))).toBe(
      "- nicNsg: inbound tcp 21-21 from 0.0.0.0/0 by AllowClientsToControl",
    );
    expect(formatChanges(compareExposure(after, table))).toMatch(/^\+ nicNsg: inbound tcp 21-21/);
  });

  it("shows a layer that is new", () => {
    const changes = compareExposure([], table);
    expect(changes.length).toBeGreaterThan(table.length);
    expect(changes.every(({ kind }) => kind === "added")).toBe(true);
  });

  it("takes tables as JSON carries them, and nothing else", () => {
    expect(isExposureTable(JSON.parse(JSON.stringify(table)))).toBe(true);
    expect(isExposureTable({ rows: table })).toBe(false);
    expect(isExposureTable([{ layer: "moat" }])).toBe(false);
  });
});

describe("evaluating the real program", () => {
  const evaluate = (...overrides: readonly string[]) =>
    evaluateExposure({
      projectFolder: PROJECT_FOLDER,
      stack: "dev",
      overrides,
      report: () => undefined,
    });

  it("moves every layer with the range", async () => {
    const rows = await evaluate("passivePorts=51000-51007");
    for (const { ranges } of rows) {
      expect(ranges).toContain("51000-51007");
      expect(ranges).not.toContain("50000-50099");
    }
    expect(rows.map(({ layer }) => layer)).toEqual([
      "subnetNsg",
      "nicNsg",
      "guestFirewall",
      "reservedPorts",
      "server",
    ]);
  });

  it("refuses what the contract refuses, before the program runs", async () => {
    await expect(evaluate("passivePorts=50099-50000")).rejects.toThrow(
      "passivePorts: 50099-50000 is inverted; write first-last: 50000-50099.",
    );
  });
});
