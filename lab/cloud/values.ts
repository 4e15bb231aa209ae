/** The property values that travel between a program, its engine and the simulated cloud. */

/** A JSON value; unknown values of a preview and assets have representations of their own below. */
export type Value =
  null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** Named properties of one resource. */
export type Properties = { readonly [key: string]: Value };

/** Properties that may lack a value, as a declaration by a program may. */
export type OptionalProperties = { readonly [key: string]: Value | undefined };

/** Stands for a value that is not known before a deployment ran; Pulumi's own sentinel. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/**
 * A file or text that a program hands over as a value. `hash` is the SHA-256 of the content; `file`
 * is an absolute path that is read once, when the resource is created.
 */
export interface Asset {
  readonly asset: { readonly hash: string; readonly file?: string; readonly text?: string };
}

/** Whether a value is an object with properties (an asset is one, a list is not). */
export function isRecord(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a list. `Array.isArray` alone does not narrow a readonly list. */
export function isList(value: unknown): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether a value is an asset. */
export function isAsset(value: unknown): value is Value & Asset {
  return isRecord(value) && isRecord(value["asset"]) && typeof value["asset"]["hash"] === "string";
}

/** Whether a value is unknown, or holds something unknown. */
export function hasUnknown(value: Value | undefined): boolean {
  if (value === UNKNOWN) return true;
  if (isList(value)) return value.some(hasUnknown);
  return isRecord(value) && Object.values(value).some(hasUnknown);
}

/** Follows a path of names and indexes into a value; undefined where it ends early. */
export function at(
  value: Value | undefined,
  ...path: readonly (string | number)[]
): Value | undefined {
  let current: Value | undefined = value;
  for (const step of path) {
    if (typeof step === "number") current = isList(current) ? current[step] : undefined;
    else current = isRecord(current) ? current[step] : undefined;
  }
  return current ?? undefined;
}

/** The text at a path, undefined when something else or nothing is there. */
export function textAt(
  value: Value | undefined,
  ...path: readonly (string | number)[]
): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" ? found : undefined;
}

/** The list at a path, empty when there is none. */
export function listAt(
  value: Value | undefined,
  ...path: readonly (string | number)[]
): readonly Value[] {
  const found = at(value, ...path);
  return isList(found) ? found : [];
}

/** Whether a value is a number from `least` to `most`, both included. */
export function isBetween(
  value: Value | undefined,
  { least, most }: { readonly least: number; readonly most: number },
): value is number {
  return typeof value === "number" && value >= least && value <= most;
}

/** Drops properties without a value, at every depth, as JSON and Pulumi do. */
export function compact(properties: OptionalProperties): Properties {
  const entries: [string, Value][] = [];
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    entries.push([key, isRecord(value) && !isAsset(value) ? compact(value) : value]);
  }
  return Object.fromEntries(entries);
}

/** One property that differs between two declarations. */
export interface Difference {
  /** For example `securityRules[2].priority`. */
  readonly path: string;
  readonly kind: "add" | "delete" | "update";
}

/** Compares two values property by property; lists by index, assets by content. */
export function differences(
  before: Value | undefined,
  after: Value | undefined,
  path = "",
): readonly Difference[] {
  if (before === undefined || before === null) {
    return after === undefined || after === null ? [] : [{ path, kind: "add" }];
  }
  if (after === undefined || after === null) return [{ path, kind: "delete" }];
  if (isAsset(before) && isAsset(after)) {
    return before.asset.hash === after.asset.hash ? [] : [{ path, kind: "update" }];
  }
  if (isList(before) && isList(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) =>
      differences(before[index], after[index], `${path}[${index}]`),
    ).flat();
  }
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys]
      .toSorted()
      .flatMap((key) => differences(before[key], after[key], path === "" ? key : `${path}.${key}`));
  }
  return before === after ? [] : [{ path, kind: "update" }];
}
