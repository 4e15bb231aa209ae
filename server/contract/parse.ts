/** From what was written to settings that hold: parsed once, at the edge, with every error at once. */
import * as v from "valibot";
import type { Finding } from "./findings.ts";
import { findViolations } from "./invariants.ts";
import { settingsSchema, type ParsedSettings, type Settings } from "./settings.ts";

/** Thrown when settings do not hold. `findings` lists every problem, not only the first. */
export class ContractError extends Error {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    super(findings.map(formatFinding).join("\n"));
    this.name = "ContractError";
    this.findings = findings;
  }
}

/** `setting: value problem; fix`, one line. */
export function formatFinding({ setting, value, problem, fix }: Finding): string {
  return `${setting}: ${value} ${problem}; ${fix}.`;
}

/**
 * Parses what a stack declares.
 *
 * @param declared setting → value, as in `Pulumi.<stack>.yaml` without the project prefix.
 * @throws ContractError naming setting, value and fix of everything that is wrong.
 */
export function parseSettings(declared: unknown): Settings {
  const settings = resolveEnvironment(parseWith(settingsSchema, declared));
  const findings = findViolations(settings);
  if (findings.length > 0) throw new ContractError(findings);
  return settings;
}

/** Fills in what `environment` decides, and turns neutral values into absent ones. */
function resolveEnvironment(parsed: ParsedSettings): Settings {
  const prod = parsed.environment === "prod";
  const { tls, certificate } = parsed;
  const enabled = (mode: "environment" | "on" | "off") =>
    mode === "environment" ? prod : mode === "on";
  const { mode: monitoringMode, ...monitoring } = parsed.monitoring;
  const { mode: backupMode, ...backup } = parsed.backup;
  return {
    ...parsed,
    monitoring: { ...monitoring, enabled: enabled(monitoringMode) },
    backup: { ...backup, enabled: enabled(backupMode) },
    implicitTlsPort: parsed.implicitTlsPort === 0 ? undefined : parsed.implicitTlsPort,
    tls: {
      ...tls,
      controlPolicy:
        tls.controlPolicy !== "environment"
          ? tls.controlPolicy
          : prod
            ? "require"
            : "requireForCredentials",
      dataPolicy: tls.dataPolicy !== "environment" ? tls.dataPolicy : prod ? "require" : "allow",
    },
    certificate: {
      ...certificate,
      kind:
        certificate.kind !== "environment" ? certificate.kind : prod ? "keyVault" : "selfSigned",
    },
  };
}

/**
 * Parses `input` with any schema of the contract.
 *
 * @throws ContractError with the nearest right name for each unknown one.
 */
export function parseWith<S extends v.GenericSchema>(schema: S, input: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  throw new ContractError(result.issues.map((issue) => describeIssue(schema, issue)));
}

function describeIssue(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): Finding {
  const path = v.getDotPath(issue) ?? "";
  if (issue.type === "strict_object" && issue.expected === "never") {
    const keys = (issue.path ?? []).map(({ key }) => key);
    const known = Object.keys(entriesAt(schema, keys.slice(0, -1)) ?? {});
    const nearest = nearestName(String(keys.at(-1)), known);
    return {
      setting: path.trim() === "" ? JSON.stringify(path) : path,
      value: print(issue.path?.at(-1)?.value),
      problem: "is not a setting that Gangway knows",
      fix:
        nearest === undefined
          ? `remove it, known here: ${known.join(", ")}`
          : `did you mean ${nearest}`,
    };
  }
  const setting = path === "" ? "settings" : path;
  const own = issue.message.startsWith("Invalid ") ? undefined : issue.message;
  const [problem = "", ...fix] = (own ?? describeType(issue, setting)).split("; ");
  return {
    setting,
    value: isSecret(issue) ? "(not shown)" : print(issue.input),
    problem,
    fix: fix.join("; ") || `expected ${issue.expected ?? "another value"}`,
  };
}

/** What a value of another type than wanted should have been, as `problem; fix`. */
function describeType({ type, input, expected }: v.BaseIssue<unknown>, setting: string): string {
  if (input === undefined) return "is needed; write it";
  switch (type) {
    case "array": {
      const items = typeof input === "string" ? input.split(/[,\s]+/).filter(Boolean) : [];
      const list = items.length === 0 ? ["VALUE"] : items;
      return `is not a list; in the stack file write one line per item ("- ${list[0] ?? ""}"), or run: ${list.map((item, index) => `pulumi config set --path '${setting}[${String(index)}]' ${item}`).join(" && ")}`;
    }
    case "number":
      return "is not a number; write a whole number, without quotes";
    case "boolean":
      return "is neither true nor false; write true or false, without quotes";
    case "string":
      return "is not a text; write it in quotes";
    case "strict_object":
    case "record":
      return `is not a group of settings; in the stack file indent them below it, or run: pulumi config set --path '${setting}.NAME' VALUE`;
    case "picklist":
      return `is not one of the values that it takes; write ${(expected ?? "").replace(/[()"]/g, "").replaceAll(" | ", ", ")}`;
    default:
      return `has the wrong type or value; expected ${expected ?? "another value"}`;
  }
}

/** Somebody may have written the password itself where its hash belongs. */
function isSecret(issue: v.BaseIssue<unknown>): boolean {
  return issue.path?.at(-1)?.key === "passwordHash";
}

/** The entries of the object schema that `keys` lead to. */
function entriesAt(
  schema: unknown,
  keys: readonly unknown[],
): Readonly<Record<string, unknown>> | undefined {
  const inner = unwrap(schema);
  if (keys.length === 0) return inner?.entries;
  const [key, ...rest] = keys;
  if (inner?.item !== undefined) return entriesAt(inner.item, rest);
  return entriesAt(inner?.entries?.[String(key)], rest);
}

interface SchemaShape {
  readonly wrapped?: unknown;
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly item?: unknown;
}

function unwrap(schema: unknown): SchemaShape | undefined {
  if (typeof schema !== "object" || schema === null) return undefined;
  const shape: SchemaShape = schema;
  if (shape.wrapped !== undefined) return unwrap(shape.wrapped);
  return shape;
}

function print(value: unknown): string {
  return value === undefined ? "(missing)" : (JSON.stringify(value) ?? String(value));
}

/** The known name within a third of `name`'s length in edits, or undefined. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({
      candidate,
      distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
    }))
    .toSorted((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.ceil(name.length / 3))
    ? best.candidate
    : undefined;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
