/** One acceptance run: deploy, check one by one, destroy whatever happens. */
import { setTimeout as pause } from "node:timers/promises";
import type { SettingsInput } from "#contract";
import { holds } from "../probe/index.ts";
import type { AzureAccess } from "./azure/access.ts";
import type { Check, Trial, Verdict } from "./checks.ts";
import type { Engine } from "./engine.ts";
import { FACTS } from "./facts/index.ts";
import { DEPLOYMENT, LIFE } from "./updates.ts";

/** Every check by name, in the order in which they run. */
export const CHECKS: readonly Check[] = [DEPLOYMENT, ...FACTS, ...LIFE];

export interface CheckResult {
  readonly check: Check;
  readonly verdict: Verdict;
  readonly seconds: number;
}

export interface RunResult {
  readonly results: readonly CheckResult[];
  /** Why checks are missing: the person interrupted. */
  readonly interrupted: boolean;
  readonly removal: Removal;
}

export type Removal =
  | { readonly kind: "removed" }
  /** The person asked for it. */
  | { readonly kind: "kept"; readonly names: readonly string[]; readonly command: string }
  | {
      readonly kind: "left";
      readonly reason: string;
      readonly names: readonly string[];
      readonly command: string;
    };

export interface RunOptions {
  readonly engine: Engine;
  readonly azure: AzureAccess | undefined;
  readonly settings: SettingsInput;
  /** In order; `deployment` first. */
  readonly checks: readonly Check[];
  readonly keep: boolean;
  readonly changeServer: () => Promise<void>;
  /** Aborts with the first Ctrl-C: no further checks, everything is removed. */
  readonly leaving: AbortSignal;
  /** Aborts with the second: not even that. */
  readonly givingUp: AbortSignal;
  /** How long the probe may go on failing while a machine starts. */
  readonly patienceSeconds: number;
  readonly say: (line: string) => void;
}

const PAUSE_SECONDS = 10;

/** Never rejects for what the stack or the cloud does: that stands in the result. */
export async function runChecks(options: RunOptions): Promise<RunResult> {
  const { checks, leaving, say } = options;
  const trial = openTrial(options);
  const results: CheckResult[] = [];
  let removal: Removal;
  try {
    for (const [index, check] of checks.entries()) {
      if (leaving.aborted) break;
      say(`[${String(index + 1)}/${String(checks.length)}] ${check.name}: ${check.fact}`);
      const result = await runCheck(check, trial);
      results.push(result);
      say(`    ${result.verdict.kind} after ${String(result.seconds)} s`);
      // A stack that did not come up has nothing that could be checked.
      if (check === DEPLOYMENT && result.verdict.kind !== "proven") break;
    }
  } finally {
    removal = await removeAll(options);
  }
  return { results, interrupted: leaving.aborted, removal };
}

async function runCheck(check: Check, trial: Trial): Promise<CheckResult> {
  const started = performance.now();
  let verdict: Verdict;
  try {
    verdict = await check.run(trial);
  } catch (error) {
    const evidence = trial.signal.aborted
      ? "Interrupted."
      : error instanceof Error
        ? error.message
        : String(error);
    verdict = { kind: "undecided", evidence };
  }
  return { check, verdict, seconds: Math.round((performance.now() - started) / 1000) };
}

function openTrial(options: RunOptions): Trial {
  const { engine, azure, leaving, givingUp, say, changeServer, patienceSeconds } = options;
  let inForce = options.settings;
  const wait = (seconds: number) => pause(seconds * 1000, undefined, { signal: leaving });
  return {
    engine,
    azure,
    signal: leaving,
    say,
    changeServer,
    wait,
    settle: (seconds) =>
      pause(seconds * 1000, undefined, { signal: givingUp }).catch(() => undefined),
    get settings() {
      return inForce;
    },
    async up(settings) {
      const changes = await engine.up(settings, leaving);
      inForce = settings;
      return changes;
    },
    async prove() {
      const deadline = performance.now() + patienceSeconds * 1000;
      for (;;) {
        const report = await engine.prove(leaving);
        if (holds(report) || performance.now() > deadline) return report;
        say("    the probe is not content yet, and is run again");
        await wait(PAUSE_SECONDS);
      }
    },
  };
}

/** Removes everything, unless it is to be kept, and says what is left. Never rejects. */
export async function removeAll({
  engine,
  azure,
  keep,
  givingUp,
  say,
}: Pick<RunOptions, "engine" | "azure" | "keep" | "givingUp" | "say">): Promise<Removal> {
  const problems: string[] = [];
  /** What fails here must not keep the report from being written. */
  const tolerate = async <T>(action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  if (!keep) {
    say("Removing everything.");
    // What the facts made goes even where the stack does not.
    if (!givingUp.aborted) await tolerate(async () => azure?.removeScratch());
    if (!givingUp.aborted) await tolerate(() => engine.destroy(givingUp));
    if (givingUp.aborted) problems.splice(0, problems.length, "Interrupted a second time.");
  }
  const looked = await tolerate(async () => ({ left: await findLeftovers(engine, azure) }));
  if (looked !== undefined && looked.left === undefined) {
    await tolerate(() => engine.forget());
    return { kind: "removed" };
  }
  const left = looked?.left ?? {
    names: ["nobody knows what: the stack cannot be read"],
    command: engine.removalCommand,
  };
  if (keep && looked !== undefined) return { kind: "kept", ...left };
  const reason = problems.length > 0 ? problems.join("\n") : "Destroying ended without an error.";
  return { kind: "left", reason, ...left };
}

async function findLeftovers(engine: Engine, azure: AzureAccess | undefined) {
  const stack = await engine.leftovers();
  const scratch = azure?.scratch;
  if (stack === undefined && scratch === undefined) return undefined;
  const commands = [
    ...(stack === undefined ? [] : [stack.command]),
    ...(scratch === undefined ? [] : [`az group delete --yes --name ${scratch}`]),
  ];
  return {
    names: [
      ...(stack?.names ?? []),
      ...(scratch === undefined ? [] : [`${scratch} (resource group of the facts)`]),
    ],
    command: commands.join(" && "),
  };
}

/** True when nothing was refuted, nothing stayed open and nothing is left that should not be. */
export function isAccepted({ results, interrupted, removal }: RunResult): boolean {
  const isFine = ({ verdict }: CheckResult) =>
    verdict.kind === "proven" || verdict.kind === "notProvable";
  return !interrupted && removal.kind !== "left" && results.length > 0 && results.every(isFine);
}
