/** What changes when a setting changes: the documented resources, in place, and nothing else. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SettingsInput } from "#contract";
import { destroyInProcess } from "../../lab/engine/evaluate.ts";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import { StackState } from "../../lab/engine/stack-state.ts";
import { evaluateProgram, ROOT } from "../support/program.ts";

/** The lab has no level here, so nothing would answer a probe. */
const OFF: SettingsInput = { probe: { mode: "off" } };

const PROD: SettingsInput = {
  ...OFF,
  environment: "prod",
  clientCidrs: ["198.51.100.0/24"],
  certificate: { keyVaultSecretId: "https://example.vault.azure.net/secrets/ftp" },
  machine: { image: "Canonical:ubuntu-24_04-lts:server:24.04.202508260" },
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

describe("a running stack", () => {
  let evaluator: Evaluator;
  let labFolder: string;

  const up = async (settings: SettingsInput) => {
    const { steps } = await evaluateProgram(evaluator, settings, { operation: "up", labFolder });
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

  it("in production keeps address and data disk from being deleted", async () => {
    labFolder = await mkdtemp(join(tmpdir(), "gangway-lifecycle-"));
    try {
      await up(PROD);
      const { resources } = new StackState(labFolder, "gangway", "dev");
      const kept = resources.filter(({ protect }) => protect).map(({ name }) => name);
      expect(kept.toSorted()).toEqual(["address", "data-disk"]);
      await expect(
        destroyInProcess({ projectFolder: ROOT, stack: "dev", labFolder }),
      ).rejects.toThrow(/protected/);
    } finally {
      await rm(labFolder, { recursive: true, force: true });
    }
  });
});
