/** No secret in the clear: not in outputs, logs, events, command lines, userData, nor in the state. */
import { mkdtempDisposable, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { describe, expect, it } from "vitest";
import type { SettingsInput } from "#contract";
import { isList, isRecord, type Value } from "../../lab/cloud/values.ts";
import { hasPulumi, runPulumi } from "../../lab/engine/cli.ts";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import { evaluateProgram, resourceOf, ROOT } from "../support/program.ts";

/** What a stack is given in confidence. */
const GIVEN = {
  probePassword: "Probe-Password-0815",
  alertWebhookUri: "https://hooks.example.com/alerts?sig=Webhook-Signature-4711",
} as const;
const ACCOUNT = { name: "partner", passwordHash: "$scrypt$ln=4,r=8,p=1$c2FsdA$QWNjb3VudEhhc2g" };
const SETTINGS: SettingsInput = {
  accounts: [ACCOUNT],
  monitoring: { mode: "on", emailAddresses: ["operations@example.com"] },
};
/** The part that could leak by itself. */
const NEEDLES = [GIVEN.probePassword, "Webhook-Signature-4711", "QWNjb3VudEhhc2g"];
const PRIVATE_KEY = "PRIVATE KEY-----";

/** Every text below a value with its path. */
function textsWithin(value: Value, path: string): readonly (readonly [string, string])[] {
  if (typeof value === "string") return [[path, value]];
  if (isList(value)) {
    return value.flatMap((item, index) => textsWithin(item, `${path}[${String(index)}]`));
  }
  return isRecord(value)
    ? Object.entries(value).flatMap(([key, inner]) => textsWithin(inner, `${path}.${key}`))
    : [];
}

function hides(paths: readonly string[], path: string): boolean {
  return paths.some(
    (secret) => path === secret || path.startsWith(`${secret}.`) || path.startsWith(`${secret}[`),
  );
}

describe("secrets", () => {
  it("are marked wherever a resource holds them, and are in no output and no log", async () => {
    await using evaluator = new Evaluator();
    // Without a level nothing would answer the probe; its password is hashed all the same.
    const result = await evaluateProgram(
      evaluator,
      { ...SETTINGS, probe: { mode: "off" } },
      { operation: "up", secrets: GIVEN },
    );
    const { outputs } = resourceOf(result, "command:local:Command", "probe-password-hash");
    const needles = [...NEEDLES, PRIVATE_KEY, String(outputs["stdout"])];
    const open = result.resources.flatMap(({ name, inputs, outputs: answered, secrets }) =>
      [...textsWithin(inputs, "inputs"), ...textsWithin(answered, "outputs")]
        .filter(([, text]) => needles.some((needle) => text.includes(needle)))
        .filter(([path]) => !hides(secrets, path))
        .map(([path]) => `${name} ${path}`),
    );
    expect(open).toEqual([]);
    const said = JSON.stringify([result.outputs, result.log, result.steps]);
    for (const needle of needles) expect(said).not.toContain(needle);
    // They do travel, or nothing would have been searched.
    const travelled = JSON.stringify(result.resources);
    for (const needle of needles) expect(travelled).toContain(needle);
  });
});

describe.skipIf(!hasPulumi())("the real Pulumi CLI, given secrets", () => {
  it(
    "encrypts them: state, events, outputs and console hold none",
    { timeout: 300_000 },
    async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "gangway-secrets-"));
      const labFolder = folder.path;
      const stackFile = join(labFolder, "stack.yaml");
      const config = Object.fromEntries(
        Object.entries({ monitoring: SETTINGS.monitoring, probe: { mode: "off" } }).map(
          ([name, value]) => [`gangway:${name}`, value],
        ),
      );
      await writeFile(
        stackFile,
        stringify({ config: { ...config, "azure-native:location": "westeurope" } }),
      );
      const lab = { labFolder, level: "none", projectFolder: ROOT, stackFile };
      const pulumi = async (...args: readonly string[]) => {
        const { exitCode, stdout, stderr } = await runPulumi(args, lab, { capture: true });
        expect(exitCode, stdout + stderr).toBe(0);
        return stdout + stderr;
      };
      for (const [name, value] of Object.entries(GIVEN)) {
        await pulumi("config", "set", "--secret", name, value);
      }
      await pulumi("config", "set", "--path", "accounts[0].name", ACCOUNT.name);
      const hash = ["accounts[0].passwordHash", ACCOUNT.passwordHash];
      await pulumi("config", "set", "--secret", "--path", ...hash);
      const said = [
        await pulumi("preview", "--json"),
        await pulumi("up", "--yes", "--diff"),
        await pulumi("stack", "output", "--json"),
        await pulumi("stack", "export"),
        ...(await filesBelow(join(labFolder, "pulumi"))),
        ...(await filesBelow(join(labFolder, "projects"))),
      ].join("\n");
      expect(said).toContain("ciphertext");
      for (const needle of [...NEEDLES, PRIVATE_KEY]) {
        expect(said.includes(needle), `${needle} is in the clear`).toBe(false);
      }
    },
  );
});

/** Texts of all files below a folder; plugins are programs, not state. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("plugins"))
      .map((entry) => readFile(join(entry.parentPath, entry.name), "utf8")),
  );
}
