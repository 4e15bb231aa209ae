/** The reference page of a stack's settings, from the contract's schema. */
import { settingsSchema } from "#contract";

/** What the page reads of a schema; valibot's types differ by kind. */
interface SchemaShape {
  readonly type: string;
  readonly wrapped?: SchemaShape;
  readonly default?: unknown;
  readonly entries?: Readonly<Record<string, SchemaShape>>;
  readonly item?: SchemaShape;
  readonly options?: readonly unknown[];
  readonly pipe?: readonly unknown[];
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly byDefault: string;
  readonly description: string;
}

/** Renders Markdown: a table of the plain settings, and one for each group and list. */
export function renderSettingsReference(): string {
  const entries: Readonly<Record<string, SchemaShape>> = settingsSchema.entries;
  return `# Settings

Generated from \`server/contract/settings.ts\` by \`npm run generate\`.

What a stack declares in \`Pulumi.<stack>.yaml\`. Set one with \`pulumi config set NAME VALUE\`, a nested one with \`pulumi config set --path NAME.NESTED VALUE\`; try one without deploying with \`npx gangway exposure --set NAME=VALUE\`.

${renderTable(rowsOf(entries))}
${sectionsOf("", entries).join("\n")}`;
}

/** One section for each setting that holds others, however deep. */
function sectionsOf(
  prefix: string,
  entries: Readonly<Record<string, SchemaShape>>,
): readonly string[] {
  return Object.entries(entries).flatMap(([name, schema]) => {
    const inner = unwrap(schema);
    const list = inner.item === undefined ? undefined : unwrap(inner.item);
    const nested = inner.entries ?? list?.entries;
    if (nested === undefined) return [];
    const path = `${prefix}${name}${list === undefined ? "" : "[]"}`;
    return [
      `## \`${path}\`\n\n${descriptionOf(schema)}\n\n${renderTable(rowsOf(nested))}`,
      ...sectionsOf(`${path}.`, nested),
    ];
  });
}

function rowsOf(entries: Readonly<Record<string, SchemaShape>>): readonly Row[] {
  return Object.entries(entries).map(([name, schema]) => ({
    name,
    type: typeOf(unwrap(schema)),
    byDefault: defaultOf(schema),
    description: descriptionOf(schema),
  }));
}

function renderTable(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ name, type, byDefault, description }) =>
      `| \`${name}\` | ${type} | ${byDefault} | ${escape(description)} |`,
  );
  return ["| Setting | Type | Default | Meaning |", "| --- | --- | --- | --- |", ...lines, ""].join(
    "\n",
  );
}

function unwrap(schema: SchemaShape): SchemaShape {
  return schema.wrapped === undefined ? schema : unwrap(schema.wrapped);
}

function typeOf({ type, options, item }: SchemaShape): string {
  if (type === "picklist")
    return (options ?? []).map((option) => `\`${String(option)}\``).join(", ");
  if (type === "array") return `list of ${item === undefined ? "values" : typeOf(unwrap(item))}`;
  if (type === "strict_object") return "group";
  if (type === "record") return "name: text";
  if (type === "string") return "text";
  return type;
}

function defaultOf(schema: SchemaShape): string {
  if (schema.type !== "optional") return "required";
  if (schema.default === undefined) return "absent";
  return schema.default === "" ? "empty" : `\`${escape(JSON.stringify(schema.default))}\``;
}

function descriptionOf(schema: SchemaShape): string {
  const own = (schema.pipe ?? []).map(metadataText).find((text) => text !== undefined);
  if (own !== undefined) return own;
  return schema.wrapped === undefined ? "" : descriptionOf(schema.wrapped);
}

function metadataText(action: unknown): string | undefined {
  if (typeof action !== "object" || action === null) return undefined;
  if ("type" in action && action.type === "description" && "description" in action) {
    return String(action.description);
  }
  return undefined;
}

/** A bar would end the cell, and `<name>` would be taken for HTML. */
function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "\\<");
}
