/** What changes when a setting changes: the documented resources, in place, and nothing else. */
import { mkdtemp, mkdtempDisposable, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SettingsInput } from "#contract";
import { destroyInProcess } from "../../lab/engine/evaluate.ts";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import { StackState } from "../../lab/engine/stack-state.ts";
import { copyChangedProject } from "../support/changed-project.ts";
import { PRODUCTION } from "../support/production.ts";
import { evaluateProgram, ROOT } from "../support/program.ts";

/** The lab has no level here, so nothing would answer a probe. */
const OFF: SettingsInput = { probe: { mode: "off" } };

const PROD: SettingsInput = {
  ...OFF,
  ...PRODUCTION,
  // Nothing outside the lab's cloud: a vault in it would have to be made first.
  certificate: { keyVaultSecretId: PRODUCTION.certificate.keyVaultSecretId },
};

const NEW_SETTINGS = ["create settings", "delete settings", "update delivery"];

/** Each change of a running stack → the steps that it takes. */
const CHANGES: readonly (readonly [string, SettingsInput, readonly string[]])[] = [
  [
    "the passive range",
    { passivePorts: "50000-50049" },
    [...NEW_SETTINGS, "update nic-nsg", "update subnet-nsg"],
  ],
  ["the keepalive", { keepaliveSeconds: 30 }, NEW_SETTINGS],
  ["the idle timeout", { idleTimeoutMinutes: 10 }, ["update address", "update network"]],
  ["the size of the machine", { machine: { size: "Standard_D2s_v5" } }, ["update machine"]],
  [
    "an account",
    { accounts: [{ name: "partner", passwordHash: "$scrypt$ln=4,r=8,p=1$c2FsdA$aGFzaA" }] },
    NEW_SETTINGS,
  ],
  [
    "the clients",
    { clientCidrs: ["198.51.100.0/24"] },
    [...NEW_SETTINGS, "update nic-nsg", "update subnet-nsg"],
  ],
  [
    "the external address",
    { externalAddress: "203.0.113.200" },
    ["update certificate", "update certificate-secret", "update delivery"],
  ],
];

/** The changes that docs/operations.md documents for production, and the steps that it lists. */
const PROD_CHANGES: typeof CHANGES = [
  [
    "the passive range",
    { passivePorts: "51000-51099" },
    [...NEW_SETTINGS, "update nic-nsg", "update subnet-nsg"],
  ],
  [
    "the certificate",
    { certificate: { keyVaultSecretId: "https://example.vault.azure.net/secrets/ftp-2027" } },
    ["update delivery", "update key-vault-agent"],
  ],
  [
    "the size of the machine",
    { machine: { ...PRODUCTION.machine, size: "Standard_D2s_v5" } },
    ["update machine"],
  ],
  ["the idle timeout", { idleTimeoutMinutes: 10 }, ["update address", "update network"]],
  [
    "an account",
    { accounts: [{ name: "partner", passwordHash: "$scrypt$ln=4,r=8,p=1$c2FsdA$aGFzaA" }] },
    NEW_SETTINGS,
  ],
  ["the retention of backups", { backup: { retentionDays: 30 } }, ["update backup-policy"]],
  [
    "who is told of alerts",
    { monitoring: { emailAddresses: ["other@example.com"] } },
    ["update alert-receivers"],
  ],
  [
    "when the certificate alert fires",
    { monitoring: { ...PRODUCTION.monitoring, certificateDays: 30 } },
    ["update alert-certificate"],
  ],
];

describe("a running stack", () => {
  let evaluator: Evaluator;
  let labFolder: string;

  const up = async (settings: SettingsInput, projectFolder = ROOT) => {
    const run = { operation: "up", labFolder, projectFolder } as const;
    const { steps } = await evaluateProgram(evaluator, settings, run);
    return steps
      .filter(({ operation, type }) => operation !== "same" && !type.startsWith("pulumi:"))
      .map(({ operation, name }) => `${operation} ${name.replace(/^(settings)-.*/, "$1")}`)
      .toSorted();
  };

  beforeAll(() => {
    evaluator = new Evaluator();
  });
  afterAll(() => evaluator[Symbol.asyncDispose]());

  describe("in dev", () => {
    beforeAll(async () => {
      labFolder = await mkdtemp(join(tmpdir(), "gangway-lifecycle-"));
      expect((await up(OFF)).every((step) => step.startsWith("create "))).toBe(true);
    });
    // Every test starts from the defaults, which is at the same time the way back from a change.
    beforeEach(() => up(OFF));
    afterAll(() => rm(labFolder, { recursive: true, force: true }));

    it("does not change when nothing changes", async () => {
      expect(await up(OFF)).toEqual([]);
    });

    it.each(CHANGES)("a change of %s changes what it must, in place", async (_, change, steps) => {
      const taken = await up({ ...OFF, ...change });
      expect(taken).toEqual(steps);
    });

    it("is gone after destroy", async () => {
      await destroyInProcess({ projectFolder: ROOT, stack: "dev", labFolder });
      expect(new StackState(labFolder, "gangway", "dev").resources).toEqual([]);
      expect((await up(OFF)).every((step) => step.startsWith("create "))).toBe(true);
    });
  });

  describe("in production", () => {
    beforeAll(async () => {
      labFolder = await mkdtemp(join(tmpdir(), "gangway-lifecycle-"));
      expect((await up(PROD)).every((step) => step.startsWith("create "))).toBe(true);
    });
    beforeEach(() => up(PROD));
    afterAll(() => rm(labFolder, { recursive: true, force: true }));

    it.each(PROD_CHANGES)("a change of %s changes what is documented", async (_, change, steps) => {
      expect(await up({ ...PROD, ...change })).toEqual(steps);
    });

    it("a change of the image replaces the machine and what is installed on it, never address or disk", async () => {
      const image = "Canonical:ubuntu-24_04-lts:server:24.04.202510010";
      const taken = await up({ ...PROD, machine: { image } });
      expect(taken).toEqual([
        "create delivery",
        "create key-vault-agent",
        "create logs-of-machine",
        "create monitor-agent",
        "replace machine",
      ]);
    });

    it("a change of the server changes its blob and the delivery", async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-changed-"));
      await copyChangedProject(folder.path);
      expect(await up(PROD, folder.path)).toEqual(["replace server", "update delivery"]);
    }, 120_000);

    it("keeps address, files and backups from being deleted, and says so", async () => {
      const { resources } = new StackState(labFolder, "gangway", "dev");
      const kept = resources.filter(({ protect }) => protect).map(({ name }) => name);
      expect(kept.toSorted()).toEqual([
        "address",
        "backup",
        "backup-vault",
        "data-disk",
        "production-lock",
        "snapshots",
      ]);
      await expect(
        destroyInProcess({ projectFolder: ROOT, stack: "dev", labFolder }),
      ).rejects.toThrow(/protected/);
    });
  });
});
