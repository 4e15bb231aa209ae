/** Runs the probe's command line, as the stack's output `probe` holds it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { PROBE_PASSWORD_VARIABLE } from "#contract";
import type { ProbeReport } from "../probe/index.ts";
import { AcceptanceError } from "./errors.ts";
import { PROJECT_FOLDER } from "./working-copy.ts";

export interface ProbeRun {
  /** Output `probe` of the stack. */
  readonly summary: unknown;
  readonly password: string;
  /** Start of a command line that enters the place of the clients; empty: this place. */
  readonly enter: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const LONGEST_REPORT_BYTES = 16 * 1024 * 1024;

/** @throws AcceptanceError when the probe could not even start. */
export async function runProbe(run: ProbeRun): Promise<ProbeReport> {
  const { summary, enter, signal } = run;
  const command = (summary as { readonly command?: unknown } | undefined)?.command;
  if (typeof command !== "string") {
    throw new AcceptanceError("The stack has no output `probe` with a command.");
  }
  const gangway = `'${process.execPath}' '${join(PROJECT_FOLDER, "cli", "gangway.mjs")}'`;
  const line = `${command.replace(/^npx gangway/, () => gangway)} --json`;
  const [program = "", ...words] = [...enter, "sh", "-c", line];
  const env = {
    ...process.env,
    ...run.environment,
    [PROBE_PASSWORD_VARIABLE]: run.password,
  };
  // A failed check is exit code 1 with a report all the same.
  const { stdout, stderr } = await promisify(execFile)(program, words, {
    env,
    signal,
    maxBuffer: LONGEST_REPORT_BYTES,
  }).catch((error: unknown) => error as { readonly stdout?: string; readonly stderr?: string });
  signal.throwIfAborted();
  if (stdout?.startsWith("{") !== true) {
    throw new AcceptanceError(`The probe did not run: ${(stderr ?? "").trim()}`);
  }
  return JSON.parse(stdout) as ProbeReport;
}
