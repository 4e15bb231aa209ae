/** The probe: an independent FTP client that proves a deployment from outside. */
import { planChecks } from "./checks/index.ts";
import { completeOptions, type ProbeOptions } from "./options.ts";
import type { ProbeReport } from "./report.ts";
import { runChecks } from "./run.ts";

export { parseExposure } from "./exposure.ts";
export type { ExposureRow } from "./exposure.ts";
export { DEFAULT_TIMEOUT_SECONDS, planProbe, PROBE_TLS_MODES } from "./options.ts";
export type { ProbeOptions, ProbeTlsMode } from "./options.ts";
export { formatReport, holds } from "./report.ts";
export type { CheckReport, Layer, ProbeReport } from "./report.ts";

/**
 * Logs in to a server as a client would and proves what was declared of it.
 *
 * @returns a report, whatever the server does; `holds(report)` says whether all is well.
 * @throws ContractError when the options do not make sense, or the reason of `options.signal`.
 */
export async function probeHost(options: ProbeOptions): Promise<ProbeReport> {
  const expected = completeOptions(options);
  const startedAt = new Date();
  const started = performance.now();
  const checks = await runChecks(
    planChecks(expected),
    expected,
    options.signal ?? new AbortController().signal,
    options.onCheck ?? (() => undefined),
  );
  return {
    host: expected.host,
    startedAt: startedAt.toISOString(),
    milliseconds: Math.round(performance.now() - started),
    checks,
  };
}
