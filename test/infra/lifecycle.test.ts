/** What changes when a setting changes: the documented resources, in place, and nothing else. */
import { mkdtemp, mkdtempDisposable, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SettingsInput } from "#contract";
import { DOCUMENTED_CHANGES, type ChangeCase } from "../../acceptance/change-sets.ts";
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

/** The documented changes of an environment; that of the server needs another project. */
const casesIn = (environment: ChangeCase["environment"]) =>
  DOCUMENTED_CHANGES.flatMap(({ cases }) =>
    cases.flatMap(({ change, steps, what, environment: where }) =>
      where === environment && change !== "server" ? [[what, change, steps] as const] : [],
    ),
  );

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

    it.each(casesIn("dev"))(
      "a change of %s changes what it must, in place",
      async (_, change, steps) => {
        const taken = await up({ ...OFF, ...change(OFF) });
        expect(taken).toEqual(steps);
      },
    );

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

    it.each(casesIn("prod"))(
      "a change of %s changes what is documented",
      async (_, change, steps) => {
        expect(await up({ ...PROD, ...change(PROD) })).toEqual(steps);
      },
    );

    it("a change of the server changes its blob and the delivery", async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-changed-"));
      await copyChangedProject(folder.path);
      const server = DOCUMENTED_CHANGES.find(({ name }) => name === "server");
      expect(await up(PROD, folder.path)).toEqual(server?.cases[0]?.steps);
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
