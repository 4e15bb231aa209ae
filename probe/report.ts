/** What the probe says: its report, and the table that people read. */

/** What can be at fault when a check fails, from the packets' first filter to the files. */
export type Layer =
  /** The name or the public address itself, or the way there. */
  | "publicAddress"
  | "subnetNsg"
  | "nicNsg"
  | "guestFirewall"
  /** The server process: not running, hanging, or answering what it should not. */
  | "server"
  | "serverRange"
  | "reservedPorts"
  | "advertisedAddress"
  | "certificate"
  | "tlsPolicy"
  | "idleTimeout"
  | "account"
  | "storage";

/** `notRun`: something it needs failed, or the declaration does not ask for it. */
type OutcomeKind = "passed" | "failed" | "notRun" | "warning";

/** Who is most likely at fault, and what to do about it. */
export interface Diagnosis {
  readonly suspect: Layer;
  /** Other layers that would show the same symptom, the likelier first. */
  readonly alternatives: readonly Layer[];
  /** Setting of the stack to change or compare. */
  readonly setting: string;
  /** Sentences and commands, one a line. */
  readonly advice: readonly string[];
}

/** One line of the report. */
export interface CheckReport {
  readonly id: string;
  readonly title: string;
  readonly outcome: OutcomeKind;
  readonly detail: string;
  readonly milliseconds: number;
  readonly suspect?: Layer;
  readonly alternatives?: readonly Layer[];
  readonly setting?: string;
  readonly advice?: readonly string[];
}

export interface ProbeReport {
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** From the start to the last check's end. */
  readonly milliseconds: number;
  readonly checks: readonly CheckReport[];
}

/** True when no check failed; warnings are allowed. */
export function holds(report: ProbeReport): boolean {
  return report.checks.every(({ outcome }) => outcome !== "failed");
}

const MARKS = { passed: "✓", failed: "✗", warning: "!", notRun: "–" } as const satisfies Record<
  OutcomeKind,
  string
>;

/** The report as an aligned table, with advice under what did not hold. Ends with a newline. */
export function formatReport(report: ProbeReport): string {
  const width = Math.max(...report.checks.map(({ title }) => title.length), 0);
  const indent = " ".repeat(4);
  const lines = report.checks.flatMap((check) => [
    `${MARKS[check.outcome]} ${check.title.padEnd(width)}  ${check.detail}`.trimEnd(),
    ...formatSuspect(check).map((line) => indent + line),
  ]);
  return [...lines, "", formatSummary(report), ""].join("\n");
}

function formatSuspect(check: CheckReport): readonly string[] {
  if (check.suspect === undefined) return [];
  const others = check.alternatives ?? [];
  const or = others.length === 0 ? "" : `, or ${others.join(", ")}`;
  const setting = check.setting === undefined ? "" : `; setting: ${check.setting}`;
  return [`most likely: ${check.suspect}${or}${setting}`, ...(check.advice ?? [])];
}

function formatSummary(report: ProbeReport): string {
  const count = (kind: OutcomeKind) =>
    report.checks.filter(({ outcome }) => outcome === kind).length;
  const parts = [
    `${String(count("passed"))} passed`,
    ...(count("warning") > 0 ? [`${String(count("warning"))} warned`] : []),
    `${String(count("failed"))} failed`,
    ...(count("notRun") > 0 ? [`${String(count("notRun"))} not run`] : []),
  ];
  const seconds = (report.milliseconds / 1000).toFixed(1);
  return `${report.host}: ${parts.join(", ")} in ${seconds} s`;
}
