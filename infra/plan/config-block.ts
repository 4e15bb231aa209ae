/**
 * The generated part of `Pulumi.yaml`: every setting with type, default and description, from the
 * contract's schema. The stack never loads this module.
 */
import { stringify } from "yaml";
import { settingsSchema, type SettingsInput } from "#contract";

/** The line of `Pulumi.yaml` from which on everything is generated. */
export const GENERATED_MARKER =
  "# Generated from server/contract/settings.ts by `npm run generate`; nothing below is edited by hand.";

/** Azure region of every stack that names no other. Pulumi takes no default for it, only a value. */
const LOCATION = { "azure-native:location": { value: "westeurope" } };

/** The parts of a schema that its declaration needs. */
interface SchemaShape {
  readonly type: string;
  readonly wrapped?: SchemaShape;
  readonly default?: unknown;
  readonly item?: SchemaShape;
  readonly pipe?: readonly unknown[];
}

/** Renders the `config:` block, YAML that ends in a line break. */
function renderConfigBlock(): string {
  const entries: Readonly<Record<string, SchemaShape>> = settingsSchema.entries;
  const declared = Object.fromEntries(
    Object.entries(entries).map(([name, schema]) => [
      name,
      declare(schema.wrapped ?? schema, schema.default),
    ]),
  ) satisfies Record<keyof SettingsInput | string, unknown>;
  return stringify({ config: { ...LOCATION, ...declared } }, { lineWidth: 100 });
}

/** Replaces the generated part of a project file. */
export function regenerateProjectFile(file: string): string {
  const [written = ""] = file.split(GENERATED_MARKER);
  return `${written}${GENERATED_MARKER}\n${renderConfigBlock()}`;
}

function declare(schema: SchemaShape, byDefault: unknown) {
  return { ...declareType(schema), default: byDefault, description: findDescription(schema) };
}

/** Pulumi knows string, integer, boolean, array (with items) and object. */
function declareType(schema: SchemaShape): { readonly type: string; readonly items?: unknown } {
  switch (schema.type) {
    case "string":
    case "picklist":
      return { type: "string" };
    case "number":
      return { type: "integer" };
    case "boolean":
      return { type: "boolean" };
    case "array":
      return { type: "array", items: declareType(schema.item ?? { type: "strict_object" }) };
    case "strict_object":
    case "record":
      return { type: "object" };
    default:
      throw new TypeError(`no type of Pulumi stands for a schema of type ${schema.type}`);
  }
}

/** Pipes nest, and the outermost description is the last one. */
function findDescription(schema: SchemaShape): string {
  const found = (schema.pipe ?? [])
    .map((step) => {
      if (typeof step !== "object" || step === null) return undefined;
      if ("description" in step && typeof step.description === "string") return step.description;
      return undefined;
    })
    .filter((text) => text !== undefined)
    .at(-1);
  if (found === undefined) throw new TypeError("a setting has no description");
  return found;
}
