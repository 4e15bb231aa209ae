/** The report, in Markdown, to attach to an issue. Pure. */
import type { VerdictKind } from "./checks.ts";
import { isAccepted, type CheckResult, type Removal, type RunResult } from "./run.ts";

export interface ReportHeader {
  /** `lab` or `azure`. */
  readonly engine: string;
  /** Lines on the engine, versions among them. */
  readonly description: readonly string[];
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly minutes: number;
  /** Short git revision; undefined outside a clone. */
  readonly revision: string | undefined;
  /** Texts that may not appear: passwords, and ids of subscription and tenant. */
  readonly secrets: readonly string[];
}

const WORDS: Readonly<Record<VerdictKind, string>> = {
  proven: "proven",
  refuted: "**refuted**",
  notProvable: "not provable here",
  undecided: "**undecided**",
};

/** Shorter texts would blacken the report without hiding anything. */
const SHORTEST_SECRET = 6;

export function formatReport(header: ReportHeader, run: RunResult): string {
  const { results } = run;
  const count = (kind: VerdictKind) =>
    String(results.filter(({ verdict }) => verdict.kind === kind).length);
  const lines = [
    `# Acceptance on ${header.engine === "azure" ? "Azure" : "the lab"}: ${isAccepted(run) ? "accepted" : "not accepted"}`,
    "",
    `${header.startedAt}, ${String(header.minutes)} min${header.revision === undefined ? "" : `, revision ${header.revision}`}.`,
    ...header.description,
    "",
    `${count("proven")} proven, ${count("refuted")} refuted, ${count("undecided")} undecided, ${count("notProvable")} not provable here.${run.interrupted ? " Interrupted before the end." : ""}`,
    "",
    "| check | fact | result | time |",
    "| --- | --- | --- | --- |",
    ...results.map(row),
    "",
    formatRemoval(run.removal),
    "",
    "## Evidence",
    ...results.flatMap(formatEvidence),
  ];
  return redact(`${lines.join("\n").trimEnd()}\n`, header.secrets);
}

const row = ({ check, verdict, seconds }: CheckResult): string =>
  `| ${check.name} | ${cell(check.fact)} | ${WORDS[verdict.kind]} | ${String(seconds)} s |`;

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function formatEvidence({ check, verdict }: CheckResult): readonly string[] {
  return [
    "",
    `### ${check.name}: ${WORDS[verdict.kind]}`,
    "",
    `Proved by: ${check.how}.`,
    "",
    "```text",
    // What a machine printed must not end the block.
    verdict.evidence.replaceAll("```", "'''").trimEnd(),
    "```",
  ];
}

function formatRemoval(removal: Removal): string {
  switch (removal.kind) {
    case "removed":
      return "Everything was destroyed; nothing is left.";
    case "kept":
      return `Kept as asked (${String(removal.names.length)} resources). Remove them with: \`${removal.command}\``;
    case "left":
      return [
        `**Not everything was destroyed.** ${cell(removal.reason)}`,
        "",
        `Left: ${removal.names.join(", ")}. Remove them with: \`${removal.command}\``,
      ].join("\n");
  }
}

function redact(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .toSorted((a, b) => b.length - a.length)
    .reduce((redacted, secret) => redacted.replaceAll(secret, "[redacted]"), text);
}
