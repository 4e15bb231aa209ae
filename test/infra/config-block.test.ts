import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseSettings, SECRET_SETTINGS, settingsSchema } from "#contract";
import { GENERATED_MARKER, regenerateProjectFile } from "../../infra/plan/config-block.ts";
import { readDeclared } from "../../infra/plan/configuration.ts";

const readText = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), "utf8");

interface Declaration {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
}
type Declarations = Readonly<Record<string, Declaration>>;

const declarationsOf = (text: string) => (parse(text) as { readonly config: Declarations }).config;

describe("Pulumi.yaml", () => {
  it("is what the contract's schema generates; run: npm run generate", async () => {
    const file = await readText("Pulumi.yaml");
    expect(file).toContain(GENERATED_MARKER);
    expect(regenerateProjectFile(file)).toBe(file);
  });

  it("declares every setting with type, default and description, and no secret", async () => {
    const { "azure-native:location": location, ...settings } = declarationsOf(
      await readText("Pulumi.yaml"),
    );
    expect(location).not.toHaveProperty("default");
    expect(Object.keys(settings).toSorted()).toEqual(
      Object.keys(settingsSchema.entries).toSorted(),
    );
    for (const declaration of Object.values(settings)) {
      expect(declaration.type).toMatch(/^(string|integer|boolean|array|object)$/);
      expect(declaration.default).toBeDefined();
      expect(declaration.description?.length).toBeGreaterThan(10);
    }
    for (const secret of Object.keys(SECRET_SETTINGS)) expect(settings).not.toHaveProperty(secret);
  });

  it("declares the defaults that the contract has", async () => {
    const { "azure-native:location": _, ...settings } = declarationsOf(
      await readText("Pulumi.yaml"),
    );
    const declared = Object.fromEntries(
      Object.entries(settings).map(([name, { default: byDefault }]) => [name, byDefault]),
    );
    expect(parseSettings(declared)).toEqual(parseSettings({}));
  });
});

describe("stack files", () => {
  it.each(["dev", "prod"] as const)("Pulumi.%s.yaml holds together", async (environment) => {
    const { config } = parse(await readText(`Pulumi.${environment}.yaml`)) as {
      readonly config: Readonly<Record<string, unknown>>;
    };
    // As the engine hands them over: texts as they are, everything else as JSON.
    const flat = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [
        key,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    );
    const settings = parseSettings(readDeclared(flat, "gangway"));
    expect(settings.environment).toBe(environment);
  });
});
