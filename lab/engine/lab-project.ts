/**
 * A stand-in for a project folder, with copies of `Pulumi.yaml` and of the stack file. Whatever the
 * Pulumi CLI writes lands in the copies, and the tree stays clean.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse, stringify } from "yaml";
import { writeWhole } from "../cloud/state.ts";
import { isRecord, type Properties, type Value } from "../cloud/values.ts";

/** What a stand-in is made from. */
export interface ProjectSource {
  readonly projectFolder: string;
  /** The stand-in; made when missing. */
  readonly folder: string;
  readonly stack: string;
  /** Stack file to copy; absent: `Pulumi.<stack>.yaml` of the project, if there is one. */
  readonly stackFile?: string;
}

/** Remembers the settings that the copy got from its source, beside the copy. */
const appliedFile = (folder: string, stack: string): string =>
  join(folder, `.applied.${stack}.yaml`);

/** Brings the stand-in up to date and returns its stack file. */
export function copyProject({ projectFolder, folder, stack, stackFile }: ProjectSource): string {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(projectFolder, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  const source = stackFile ?? join(projectFolder, `Pulumi.${stack}.yaml`);
  return applyStackFile(existsSync(source) ? source : undefined, folder, stack);
}

/**
 * A setting that changes in the source changes in the copy, and what left the source leaves the
 * copy; what was set on the copy (`pulumi config set`) stays until then. Encrypted values cannot be
 * read with the lab's key: left out.
 */
function applyStackFile(source: string | undefined, folder: string, stack: string): string {
  const copy = join(folder, `Pulumi.${stack}.yaml`);
  const before = readYaml(copy);
  const applied = configOf(readYaml(appliedFile(folder, stack)));
  const wanted = Object.fromEntries(
    Object.entries(configOf(source === undefined ? {} : readYaml(source))).filter(
      ([, value]) => !(isRecord(value) && "secure" in value),
    ),
  );
  const isOurs = (key: string): boolean =>
    key in applied ? isDeepStrictEqual(applied[key], wanted[key]) : !(key in wanted);
  const kept = Object.entries(configOf(before)).filter(([key]) => isOurs(key));
  const config = { ...wanted, ...Object.fromEntries(kept) };
  writeWhole(copy, stringify({ ...before, config }));
  writeWhole(appliedFile(folder, stack), stringify({ config: wanted }));
  return copy;
}

function readYaml(file: string): Properties {
  if (!existsSync(file)) return {};
  const yaml = parse(readFileSync(file, "utf8")) as Value;
  return isRecord(yaml) ? yaml : {};
}

function configOf(yaml: Properties): Properties {
  const config = yaml["config"];
  return isRecord(config) ? config : {};
}
