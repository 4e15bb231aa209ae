/** A stack's configuration as its file has it, and `--set` on top of it. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type * as v from "valibot";
import { parse } from "yaml";
import { ContractError, nearestName, settingsSchema } from "#contract";
import { UsageError } from "../errors.ts";

/** Values by full name (`gangway:passivePorts`, `azure-native:location`). */
export type StackConfiguration = Readonly<Record<string, unknown>>;

/** A stack file without what only Pulumi can read. */
export interface StackFile {
  readonly configuration: StackConfiguration;
  /** Encrypted values, which were left out, by their path. */
  readonly encrypted: readonly string[];
}

/** @throws UsageError when there is no such stack; names those that there are. */
export async function readStack(projectFolder: string, stack: string): Promise<StackFile> {
  const file = `Pulumi.${stack}.yaml`;
  const names = await readdir(projectFolder);
  if (!names.includes(file)) {
    const stacks = names.flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
    const nearest = nearestName(stack, stacks);
    const known =
      nearest === undefined ? `there are ${stacks.join(", ")}` : `did you mean ${nearest}?`;
    throw new UsageError(`--stack: ${stack} has no file ${file}; ${known}`);
  }
  const content: unknown = parse(await readFile(join(projectFolder, file), "utf8"));
  const config = isRecord(content) ? content["config"] : undefined;
  const encrypted: string[] = [];
  const readable = withoutEncrypted(isRecord(config) ? config : {}, [], encrypted);
  return { configuration: isRecord(readable) ? readable : {}, encrypted };
}

/** Name of the Pulumi project in a folder. */
export async function readProjectName(projectFolder: string): Promise<string> {
  const content: unknown = parse(await readFile(join(projectFolder, "Pulumi.yaml"), "utf8"));
  const name = isRecord(content) ? content["name"] : undefined;
  if (typeof name !== "string") throw new UsageError("Pulumi.yaml names no project.");
  return name;
}

function withoutEncrypted(value: unknown, path: readonly string[], found: string[]): unknown {
  if (Array.isArray(value)) {
    return value
      .map((item, index) => withoutEncrypted(item, [...path, String(index)], found))
      .filter((item) => item !== undefined);
  }
  if (!isRecord(value)) return value;
  if ("secure" in value) {
    found.push(path.join("."));
    return undefined;
  }
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, withoutEncrypted(item, [...path, key], found)] as const)
      .filter(([, item]) => item !== undefined),
  );
}

/**
 * Applies one `--set`: `passivePorts=50000-50199`, `tls.dataPolicy=require`,
 * `accounts[0].disabled=true`, `clientCidrs=["198.51.100.0/24"]`. Values are text where the schema
 * wants text, and JSON where it wants anything else.
 *
 * @throws UsageError when it is not of that form, ContractError with the nearest name for one that
 *   nobody knows.
 */
export function applySetting(
  configuration: StackConfiguration,
  project: string,
  assignment: string,
): StackConfiguration {
  const equals = assignment.indexOf("=");
  if (equals < 1) {
    throw new UsageError(
      `--set: ${assignment} has no value; write name=value, for example passivePorts=50000-50199`,
    );
  }
  const name = assignment.slice(0, equals).trim();
  const text = assignment.slice(equals + 1);
  const namespace = /^([\w-]+):/.exec(name)?.[1];
  if (namespace !== undefined && namespace !== project) return { ...configuration, [name]: text };
  const path = (namespace === undefined ? name : name.slice(namespace.length + 1))
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .split(".");
  const [top = "", ...rest] = path;
  const key = `${project}:${top}`;
  const schema = schemaAt(settingsSchema, path, { walked: [], value: text });
  const value = wantsText(schema) ? text : readValue(text);
  return { ...configuration, [key]: place(configuration[key], rest, value) };
}

/** What the walk through a schema looks at; valibot's types differ by kind. */
interface SchemaShape {
  readonly type: string;
  readonly wrapped?: v.GenericSchema;
  readonly entries?: Readonly<Record<string, v.GenericSchema>>;
  readonly item?: v.GenericSchema;
}

interface Trail {
  readonly walked: readonly string[];
  /** What is to be set, for the error. */
  readonly value: string;
}

/** @throws ContractError when the path leaves what the schema knows. */
function schemaAt(schema: v.GenericSchema, path: readonly string[], trail: Trail): v.GenericSchema {
  const shape: SchemaShape = schema;
  if (shape.wrapped !== undefined) return schemaAt(shape.wrapped, path, trail);
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const further = { ...trail, walked: [...trail.walked, step] };
  if (shape.item !== undefined && /^\d+$/.test(step)) {
    return schemaAt(shape.item, rest, further);
  }
  const next = shape.entries?.[step];
  if (next !== undefined) return schemaAt(next, rest, further);
  if (shape.type === "record") return schema;
  const known = Object.keys(shape.entries ?? {});
  const nearest = nearestName(step, known);
  throw new ContractError([
    {
      setting: further.walked.join("."),
      value: JSON.stringify(trail.value),
      problem: "is not a setting that Gangway knows",
      fix: nearest === undefined ? hint(shape, known) : `did you mean ${nearest}`,
    },
  ]);
}

function hint({ item }: SchemaShape, known: readonly string[]): string {
  if (item !== undefined) return "write the number of an element, for example accounts[0].disabled";
  return known.length === 0
    ? "leave out what follows the last dot"
    : `known here: ${known.join(", ")}`;
}

function wantsText({ type }: v.GenericSchema): boolean {
  return type === "string" || type === "picklist" || type === "record";
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Not JSON: the schema will say what it should have been.
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** A copy of `into` with `value` at the path; what is on the way is made where it is missing. */
function place(into: unknown, path: readonly string[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (/^\d+$/.test(step)) {
    const list: readonly unknown[] = Array.isArray(into) ? into : [];
    const index = Math.min(Number(step), list.length);
    return list.toSpliced(index, 1, place(list[index], rest, value));
  }
  const record = isRecord(into) ? into : {};
  return { ...record, [step]: place(record[step], rest, value) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
