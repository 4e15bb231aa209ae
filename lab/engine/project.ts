/** Reads a Pulumi project: its program and the defaults of its settings. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { isRecord, type Value } from "../cloud/values.ts";

/** What `Pulumi.yaml` says. */
export interface Project {
  readonly name: string;
  /** File that the engine runs. */
  readonly program: string;
  /** Folder of the program: the working folder of its commands. */
  readonly programFolder: string;
  /** Defaults of settings by full name (`project:setting`), as text or JSON. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Full names of settings that are declared without a default. */
  readonly mandatory: readonly string[];
}

const ENTRY_FILES = ["index.ts", "index.mts", "index.js", "index.mjs"];

/**
 * Reads `Pulumi.yaml` of a folder.
 *
 * @throws Error that names the file and what is missing in it.
 */
export function readProject(folder: string): Project {
  const { name, yaml } = readProjectFile(folder);
  const program = entryOf(folder, typeof yaml["main"] === "string" ? yaml["main"] : ".");
  const config = isRecord(yaml["config"]) ? yaml["config"] : {};
  const defaults: Record<string, string> = {};
  const mandatory: string[] = [];
  for (const [key, declared] of Object.entries(config)) {
    const full = fullName(name, key);
    const value = declaredValue(declared);
    if (value !== undefined) defaults[full] = configText(value);
    else if (isRecord(declared) && !key.includes(":")) mandatory.push(full);
  }
  return { name, program, programFolder: dirname(program), defaults, mandatory };
}

/**
 * The name alone, of a project in any language.
 *
 * @throws Error that names the file and what is missing in it.
 */
export function readProjectName(folder: string): string {
  return readProjectFile(folder).name;
}

function readProjectFile(folder: string) {
  const file = join(folder, "Pulumi.yaml");
  if (!existsSync(file)) throw new Error(`${file} does not exist: ${folder} is no Pulumi project.`);
  const yaml = parse(readFileSync(file, "utf8")) as Value;
  const name = isRecord(yaml) ? yaml["name"] : undefined;
  if (!isRecord(yaml) || typeof name !== "string") throw new Error(`${file} has no project name.`);
  return { name, yaml };
}

function declaredValue(declared: Value | undefined): Value | undefined {
  if (!isRecord(declared)) return declared;
  return declared["value"] ?? declared["default"];
}

function entryOf(folder: string, main: string): string {
  const path = resolve(folder, main);
  if (existsSync(path) && !statSync(path).isDirectory()) return path;
  const entry = ENTRY_FILES.map((name) => join(path, name)).find((candidate) =>
    existsSync(candidate),
  );
  if (entry !== undefined) return entry;
  throw new Error(
    `${path} holds no program: Pulumi.yaml's "main" names a file or a folder with index.ts.`,
  );
}

/** A setting without a namespace belongs to the project. */
export function fullName(project: string, key: string): string {
  return key.includes(":") ? key : `${project}:${key}`;
}

/** Settings are texts; anything else is JSON. */
export function configText(value: Value): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Reads the `config` of a stack file by full names.
 *
 * @throws Error for an encrypted value: only Pulumi's own backend can read it.
 */
export function readStackFile(file: string, project: string): Readonly<Record<string, string>> {
  if (!existsSync(file)) throw new Error(`The stack file ${file} does not exist.`);
  const yaml = parse(readFileSync(file, "utf8")) as Value;
  const config = isRecord(yaml) && isRecord(yaml["config"]) ? yaml["config"] : {};
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (isRecord(value) && "secure" in value) {
        throw new Error(
          `${file}: ${key} is encrypted, and only the Pulumi CLI can read it. Give its value to the lab as a secret setting.`,
        );
      }
      return [fullName(project, key), configText(value)];
    }),
  );
}
