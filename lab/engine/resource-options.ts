/** Resource options that change how a declaration is compared with what exists. */
import { at, isList, isRecord, type Properties, type Value } from "../cloud/values.ts";
import type { PropertyDifference } from "./provider-operations.ts";

/** Options of a registration that the in-process engine honours. */
export interface ResourceOptions {
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  /** Undefined: the provider decides. */
  readonly deleteBeforeReplace: boolean | undefined;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  /** Ids of existing resources to adopt are not supported; kept to say so. */
  readonly importId: string;
}

/** Splits `a.b[0]["c.d"]` into its steps; `*` stands for every one. */
function stepsOf(path: string): readonly string[] {
  return [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\*|\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, name]) => quoted ?? index ?? name ?? "",
  );
}

/** Takes over the old values of what `ignoreChanges` names. */
export function withIgnored(
  inputs: Properties,
  old: Properties | undefined,
  paths: readonly string[],
): Properties {
  if (old === undefined) return inputs;
  return paths.reduce<Properties>((current, path) => {
    const replaced = replaceAt(current, old, stepsOf(path));
    return isRecord(replaced) ? replaced : current;
  }, inputs);
}

function replaceAt(
  value: Value | undefined,
  old: Value | undefined,
  steps: readonly string[],
): Value | undefined {
  const [step, ...rest] = steps;
  if (step === undefined) return old;
  if (isRecord(value)) {
    const keys = step === "*" ? Object.keys(value) : [step];
    const entries = keys.map((key) => [key, replaceAt(value[key], at(old, key), rest)] as const);
    const kept = Object.entries({ ...value, ...Object.fromEntries(entries) });
    return Object.fromEntries(
      kept.filter((entry): entry is [string, Value] => entry[1] !== undefined),
    );
  }
  if (isList(value)) {
    return value.map((item, index) =>
      step === "*" || step === String(index)
        ? (replaceAt(item, at(old, index), rest) ?? item)
        : item,
    );
  }
  return value;
}

/** Marks the differences that `replaceOnChanges` names as replacing. */
export function withReplacing(
  found: readonly PropertyDifference[],
  patterns: readonly string[],
): readonly PropertyDifference[] {
  const replacing = patterns.map(stepsOf);
  return found.map((difference) => {
    const steps = stepsOf(difference.path);
    const matches = replacing.some((pattern) =>
      pattern.every((step, index) => step === "*" || step === steps[index]),
    );
    return matches ? { ...difference, replaces: true } : difference;
  });
}
