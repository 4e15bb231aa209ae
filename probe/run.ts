/** Runs checks: lanes side by side, needs respected, symptoms diagnosed. */
import type { Check, CheckId, ProbeContext, ProbeFacts, Verdict } from "./check.ts";
import { diagnose } from "./diagnosis.ts";
import type { ExposureRow } from "./exposure.ts";
import type { Expectations } from "./options.ts";
import type { CheckReport } from "./report.ts";
import { ProbeSession } from "./session.ts";
import { settle, waitFor } from "./steps.ts";
import { describeSymptom, ProbeFault } from "./symptoms.ts";

/** Azure's own commands take this long to read the rules of an interface. */
const EVIDENCE_MILLISECONDS = 30_000;

/** Runs every check and reports in their order. Rejects only when `signal` aborts, or on a bug. */
export async function runChecks(
  checks: readonly Check[],
  expected: Expectations,
  signal: AbortSignal,
  onCheck: (check: CheckReport) => void,
): Promise<readonly CheckReport[]> {
  // A bug in one lane ends the others too: nothing may go on unobserved.
  const stop = new AbortController();
  await using run = new Run(expected, AbortSignal.any([signal, stop.signal]));
  const reports = new Map<CheckId, Promise<CheckReport>>();
  const laneEnds = new Map<string, Promise<unknown>>();
  for (const check of checks) {
    const late = [...check.needs, ...(check.needsOneOf ?? [])].find((id) => !reports.has(id));
    if (late !== undefined)
      throw new Error(`check ${check.id} comes before ${late}, which it needs`);
    const before = laneEnds.get(check.lane);
    const report = run.report(check, reports, before).then(
      (done) => {
        onCheck(done);
        return done;
      },
      (error: unknown) => {
        stop.abort(error);
        throw error;
      },
    );
    reports.set(check.id, report);
    laneEnds.set(check.lane, report);
  }
  const settled = await Promise.allSettled(reports.values());
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/** One run: the context of its checks, and the owner of their shared session. */
class Run implements ProbeContext, AsyncDisposable {
  readonly expected: Expectations;
  readonly limit: ProbeContext["limit"];
  readonly facts: ProbeFacts = { address: undefined, peer: undefined, leases: new Map() };
  #session: ProbeSession | undefined;
  #rows: Promise<readonly ExposureRow[]> | undefined;

  constructor(expected: Expectations, signal: AbortSignal) {
    this.expected = expected;
    this.limit = { milliseconds: expected.stepMilliseconds, signal };
  }

  get address(): string {
    if (this.facts.address === undefined) throw new Error("a check lacks the need `address`");
    return this.facts.address;
  }

  async session(): Promise<ProbeSession> {
    if (this.#session?.isOpen !== true) {
      await this.#dropSession();
      this.#session = await ProbeSession.open(this.expected, this.address, this.limit);
    }
    return this.#session;
  }

  rows(): Promise<readonly ExposureRow[]> {
    this.#rows ??= this.#readRows();
    return this.#rows;
  }

  async report(
    check: Check,
    earlier: ReadonlyMap<CheckId, Promise<CheckReport>>,
    before: Promise<unknown> | undefined,
  ): Promise<CheckReport> {
    await before;
    const blocked = await findBlocker(check, earlier);
    const started = performance.now();
    const verdict: Verdict =
      blocked === undefined ? await this.#attempt(check) : { kind: "notRun", detail: blocked };
    const milliseconds = Math.round(performance.now() - started);
    const { id, title } = check;
    const report = { id, title, outcome: verdict.kind, detail: verdict.detail, milliseconds };
    if (!("symptom" in verdict) || verdict.symptom === undefined) return report;
    const { evidence } = this.expected;
    const live = evidence === undefined ? undefined : await this.#liveRows();
    const diagnosis = diagnose(verdict.symptom, {
      expected: this.expected,
      address: this.facts.address,
      rows: live ?? this.expected.exposure,
      rowsAreLive: live !== undefined,
    });
    const { setting, ...rest } = diagnosis;
    return { ...report, ...rest, ...(setting === "" ? {} : { setting }) };
  }

  async #attempt(check: Check): Promise<Verdict> {
    try {
      return await check.run(this);
    } catch (error) {
      this.limit.signal.throwIfAborted();
      if (!(error instanceof ProbeFault)) throw error;
      // Replies may still be under way on it: the next check begins with a fresh one.
      if (check.lane === "session") await this.#dropSession();
      return { kind: "failed", symptom: error.symptom, detail: describeSymptom(error.symptom) };
    }
  }

  async #readRows(): Promise<readonly ExposureRow[]> {
    const { evidence, exposure } = this.expected;
    if (evidence === undefined) return exposure;
    const limit = { ...this.limit, milliseconds: EVIDENCE_MILLISECONDS };
    return waitFor("the evidence", limit, (signal) =>
      settle<readonly ExposureRow[]>(signal, (resolve, reject) => {
        evidence(signal).then(resolve, reject);
      }),
    );
  }

  /** Undefined when they cannot be read: check `layers` says why. */
  async #liveRows(): Promise<readonly ExposureRow[] | undefined> {
    try {
      return await this.rows();
    } catch {
      return undefined;
    }
  }

  async #dropSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dropSession();
  }
}

/** Why a check cannot run, or undefined when it can. Waits for the checks that it needs. */
async function findBlocker(
  check: Check,
  earlier: ReadonlyMap<CheckId, Promise<CheckReport>>,
): Promise<string | undefined> {
  const outcomes = async (ids: readonly CheckId[]) =>
    Promise.all(ids.map((id) => earlier.get(id)).filter((report) => report !== undefined));
  const holds = ({ outcome }: CheckReport) => outcome === "passed" || outcome === "warning";
  const missing = (await outcomes(check.needs)).find((report) => !holds(report));
  if (missing !== undefined) return `needs: ${missing.title}`;
  const choices = await outcomes(check.needsOneOf ?? []);
  const [choice] = choices;
  return choice === undefined || choices.some(holds) ? undefined : `needs: ${choice.title}`;
}
