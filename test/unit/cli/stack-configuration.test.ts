import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  applySetting,
  readProjectName,
  readStack,
  type StackConfiguration,
} from "../../../cli/exposure/stack-configuration.ts";

const set = (assignment: string, configuration: StackConfiguration = {}) =>
  applySetting(configuration, "gangway", assignment);

describe("--set", () => {
  it.each<[string, StackConfiguration]>([
    ["passivePorts=50000", { "gangway:passivePorts": "50000" }],
    ["gangway:passivePorts=50000-50199", { "gangway:passivePorts": "50000-50199" }],
    ["controlPort=2121", { "gangway:controlPort": 2121 }],
    ["activeMode=true", { "gangway:activeMode": true }],
    ['clientCidrs=["198.51.100.0/24"]', { "gangway:clientCidrs": ["198.51.100.0/24"] }],
    ["tls.dataPolicy=require", { "gangway:tls": { dataPolicy: "require" } }],
    ["machine.zone=2", { "gangway:machine": { zone: "2" } }],
    ["machine.dataDiskGib=128", { "gangway:machine": { dataDiskGib: 128 } }],
    ["tags.owner=42", { "gangway:tags": { owner: "42" } }],
    ["accounts[0].name=ann", { "gangway:accounts": [{ name: "ann" }] }],
    [
      "probe.sourceCidrs.0=198.51.100.7/32",
      { "gangway:probe": { sourceCidrs: ["198.51.100.7/32"] } },
    ],
    ["azure-native:location=northeurope", { "azure-native:location": "northeurope" }],
    ["externalAddress=", { "gangway:externalAddress": "" }],
    ["tags.note=a=b", { "gangway:tags": { note: "a=b" } }],
  ])("%s", (assignment, expected) => {
    expect(set(assignment)).toEqual(expected);
  });

  it("keeps what stands beside it, and does not change what it was given", () => {
    const before = {
      "gangway:tls": { minVersion: "TLSv1.3", dataPolicy: "allow" },
      "gangway:accounts": [{ name: "ann" }, { name: "bob" }],
    };
    const copy = structuredClone(before);
    expect(set("tls.dataPolicy=require", before)["gangway:tls"]).toEqual({
      minVersion: "TLSv1.3",
      dataPolicy: "require",
    });
    expect(set("accounts[1].disabled=true", before)["gangway:accounts"]).toEqual([
      { name: "ann" },
      { name: "bob", disabled: true },
    ]);
    expect(before).toEqual(copy);
  });

  it.each([
    [
      "passivePort=1",
      'passivePort: "1" is not a setting that Gangway knows; did you mean passivePorts.',
    ],
    [
      "tls.dataPolcy=deny",
      'tls.dataPolcy: "deny" is not a setting that Gangway knows; did you mean dataPolicy.',
    ],
    ["tls.zzzzzz=1", /known here: controlPolicy, dataPolicy, minVersion/],
    ["accounts.name=ann", /write the number of an element/],
    ["controlPort.x=1", /leave out what follows the last dot/],
    ["passivePorts", "--set: passivePorts has no value"],
    ["=1", "--set: =1 has no value"],
  ])("%s is refused, with what to write", (assignment, message) => {
    expect(() => set(assignment)).toThrow(message);
  });
});

describe("stack files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gangway-stacks-"));
    await writeFile(join(folder, "Pulumi.yaml"), "name: gangway\nmain: infra/index.ts\n");
    await writeFile(
      join(folder, "Pulumi.dev.yaml"),
      `encryptionsalt: v1:abc
config:
  gangway:controlPort: 2121
  gangway:probePassword:
    secure: v1:xyz
  gangway:tags:
    owner: ann
    note:
      secure: v1:abc
  gangway:accounts:
    - name: ann
    - secure: v1:abc
`,
    );
    await writeFile(join(folder, "Pulumi.empty.yaml"), "");
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("are read without what only Pulumi can decrypt, which is named", async () => {
    expect(await readStack(folder, "dev")).toEqual({
      configuration: {
        "gangway:controlPort": 2121,
        "gangway:tags": { owner: "ann" },
        "gangway:accounts": [{ name: "ann" }],
      },
      encrypted: ["gangway:probePassword", "gangway:tags.note", "gangway:accounts.1"],
    });
  });

  it("may be empty", async () => {
    expect(await readStack(folder, "empty")).toEqual({ configuration: {}, encrypted: [] });
  });

  it("that do not exist are refused with the nearest name", async () => {
    await expect(readStack(folder, "dve")).rejects.toThrow(
      "--stack: dve has no file Pulumi.dve.yaml; did you mean dev?",
    );
    await expect(readStack(folder, "production")).rejects.toThrow("there are dev, empty");
  });

  it("belong to a project", async () => {
    expect(await readProjectName(folder)).toBe("gangway");
  });
});
