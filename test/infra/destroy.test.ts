/** The real engine and a stack in production: what `pulumi destroy` may do to it, and what it may after. */
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { describe, expect, it } from "vitest";
import { CloudStore } from "../../lab/cloud/state.ts";
import { hasPulumi, runPulumi } from "../../lab/engine/cli.ts";
import { PRODUCTION } from "../support/production.ts";
import { ROOT } from "../support/program.ts";

const SETTINGS = {
  ...PRODUCTION,
  // Nothing outside the lab's cloud: a vault in it would have to be made first.
  certificate: { keyVaultSecretId: PRODUCTION.certificate.keyVaultSecretId },
  probe: { mode: "off" },
};

describe.skipIf(!hasPulumi())("the real Pulumi CLI, destroying production", () => {
  it(
    "deletes nothing until it is unprotected, with or without a preview",
    { timeout: 300_000 },
    async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-destroy-"));
      const labFolder = folder.path;
      const stackFile = join(labFolder, "stack.yaml");
      const config = Object.fromEntries(
        Object.entries(SETTINGS).map(([name, value]) => [`gangway:${name}`, value]),
      );
      await writeFile(
        stackFile,
        stringify({ config: { ...config, "azure-native:location": "westeurope" } }),
      );
      const lab = { labFolder, level: "none", projectFolder: ROOT, stack: "prod", stackFile };
      const pulumi = (...args: readonly string[]) =>
        runPulumi([...args, "--yes"], lab, { capture: true });
      const left = () =>
        new CloudStore(labFolder)
          .resources()
          .map(({ id }) => id)
          .toSorted();

      expect(await pulumi("up", "--skip-preview")).toMatchObject({ exitCode: 0 });
      const before = left();
      expect(before.length).toBeGreaterThan(30);
      for (const more of [[], ["--skip-preview"]]) {
        const { exitCode, stdout, stderr } = await pulumi("destroy", ...more);
        expect(exitCode).not.toBe(0);
        expect(stdout + stderr).toMatch(/production-lock" cannot be deleted.*because it is/s);
        expect(left()).toEqual(before);
      }
      expect(await pulumi("state", "unprotect", "--all")).toMatchObject({ exitCode: 0 });
      expect(await pulumi("destroy", "--skip-preview")).toMatchObject({ exitCode: 0 });
      expect(left()).toEqual([]);
    },
  );
});
