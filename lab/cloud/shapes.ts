/** Declares which properties a simulated type takes, and checks a declaration against that. */
import { hasUnknown, isAsset, isList, isRecord, UNKNOWN, type Value } from "./values.ts";

/**
 * What the simulation makes of a property. `effect`: it changes what the lab does or what Azure
 * would refuse. `recorded`: its form is checked and it is kept, nothing in the lab depends on it.
 */
export type Depth = "effect" | "recorded";

/** One property of an object. */
export interface PropertyShape {
  readonly shape: Shape;
  readonly required: boolean;
  readonly depth: Depth;
}

/** The form of a value. */
export type Shape =
  | { readonly kind: "text" }
  /** One of a list, compared without case; `unsimulated` are values Azure takes and the lab does not. */
  | {
      readonly kind: "choice";
      readonly values: readonly string[];
      readonly unsimulated: readonly string[];
    }
  | { readonly kind: "whole" }
  | { readonly kind: "flag" }
  | { readonly kind: "list"; readonly items: Shape }
  /** Names of one's own choosing to text: tags, metadata. */
  | { readonly kind: "map" }
  | { readonly kind: "object"; readonly properties: ObjectShape }
  /** An object of which only `id` counts; the rest, often a whole output, is ignored as by Azure. */
  | { readonly kind: "reference" }
  | { readonly kind: "asset" }
  /** Any JSON: what a VM extension makes of its settings is its own affair. */
  | { readonly kind: "anything" };

/** Properties by name. */
export type ObjectShape = Readonly<Record<string, PropertyShape>>;

const property = (shape: Shape): PropertyShape => ({ shape, required: false, depth: "effect" });

export const text = (): PropertyShape => property({ kind: "text" });
export const whole = (): PropertyShape => property({ kind: "whole" });
export const flag = (): PropertyShape => property({ kind: "flag" });
export const asset = (): PropertyShape => property({ kind: "asset" });
export const anything = (): PropertyShape => property({ kind: "anything" });
export const reference = (): PropertyShape => property({ kind: "reference" });
export const texts = (): PropertyShape => property({ kind: "list", items: { kind: "text" } });
export const map = (): PropertyShape => property({ kind: "map" });
export const object = (properties: ObjectShape): PropertyShape =>
  property({ kind: "object", properties });
export const objects = (properties: ObjectShape): PropertyShape =>
  property({ kind: "list", items: { kind: "object", properties } });
export const choice = (
  values: readonly string[],
  unsimulated: readonly string[] = [],
): PropertyShape => property({ kind: "choice", values, unsimulated });

/** The property must be given. */
export const required = (shape: PropertyShape): PropertyShape => ({ ...shape, required: true });

/** The property is kept but nothing depends on it. */
export const recorded = (shape: PropertyShape): PropertyShape => ({ ...shape, depth: "recorded" });

/** Something wrong with a declaration. */
export type Finding =
  | { readonly kind: "missing"; readonly path: string }
  | { readonly kind: "type"; readonly path: string; readonly expected: string }
  | { readonly kind: "notSimulated"; readonly path: string; readonly reason: string | undefined }
  /** Well-formed, but Azure has no such value. */
  | { readonly kind: "value"; readonly path: string; readonly allowed: readonly string[] };

/** Compares a declaration with a shape; unknown values of a preview pass. */
export function findings(properties: ObjectShape, values: Value | undefined): readonly Finding[] {
  return inObject(properties, values, "");
}

function inObject(
  properties: ObjectShape,
  values: Value | undefined,
  base: string,
): readonly Finding[] {
  if (!isRecord(values)) return [{ kind: "type", path: base, expected: "an object" }];
  const path = (name: string): string => (base === "" ? name : `${base}.${name}`);
  const missing = Object.entries(properties)
    .filter(([name, { required }]) => required && (values[name] ?? undefined) === undefined)
    .map(([name]): Finding => ({ kind: "missing", path: path(name) }));
  const given = Object.entries(values).flatMap(([name, value]): readonly Finding[] => {
    if (value === null) return [];
    const known = properties[name];
    if (known === undefined) {
      return [{ kind: "notSimulated", path: path(name), reason: undefined }];
    }
    return inValue(known.shape, value, path(name));
  });
  return [...missing, ...given];
}

function inValue(shape: Shape, value: Value, path: string): readonly Finding[] {
  if (value === UNKNOWN) return [];
  const wrong = (expected: string): readonly Finding[] => [{ kind: "type", path, expected }];
  switch (shape.kind) {
    case "text":
      return typeof value === "string" ? [] : wrong("text");
    case "whole":
      return typeof value === "number" && Number.isInteger(value) ? [] : wrong("a whole number");
    case "flag":
      return typeof value === "boolean" ? [] : wrong("true or false");
    case "anything":
      return [];
    case "asset":
      return isAsset(value) ? [] : wrong("an asset");
    case "reference":
      if (!isRecord(value)) return wrong("an object with an id");
      return typeof value["id"] === "string" || hasUnknown(value)
        ? []
        : [{ kind: "missing", path: `${path}.id` }];
    case "map":
      return isRecord(value) && Object.values(value).every((item) => typeof item === "string")
        ? []
        : wrong("names with text values");
    case "list":
      return isList(value)
        ? value.flatMap((item, index) => inValue(shape.items, item, `${path}[${index}]`))
        : wrong("a list");
    case "object":
      return inObject(shape.properties, value, path);
    case "choice":
      return typeof value === "string" ? inChoice(shape, value, path) : wrong("text");
  }
}

function inChoice(
  shape: { readonly values: readonly string[]; readonly unsimulated: readonly string[] },
  value: string,
  path: string,
): readonly Finding[] {
  const among = (list: readonly string[]): boolean =>
    list.some((item) => item.toLowerCase() === value.toLowerCase());
  if (among(shape.values)) return [];
  if (among(shape.unsimulated)) {
    return [{ kind: "notSimulated", path, reason: `the value ${JSON.stringify(value)}` }];
  }
  return [{ kind: "value", path, allowed: [...shape.values, ...shape.unsimulated] }];
}
