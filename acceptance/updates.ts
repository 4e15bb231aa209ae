/** The stack's own life: from nothing, unchanged, and each documented change. */
import { holds, type ProbeReport } from "../probe/index.ts";
import { DOCUMENTED_CHANGES, type ChangeCase } from "./change-sets.ts";
import { proven, refuted, type Check, type Trial, type Verdict } from "./checks.ts";
import { stepsOf } from "./engine.ts";

/** Runs after every delivery, and so appears beside it. */
const PROBE_STEP = "update probe";

/** Comes first and whatever is asked for: without it there is nothing to check. */
export const DEPLOYMENT: Check = {
  name: "deployment",
  fact: "The stack comes up from nothing, and a client from outside can use it",
  how: "a first `up`, of which every step creates something; then the probe",
  run: async (trial) => {
    const changes = await trial.up(trial.settings);
    const steps = stepsOf(changes);
    const others = steps.filter((step) => !step.startsWith("create "));
    if (others.length > 0) return refuted(`Steps that create nothing: ${others.join(", ")}`);
    return judgeProbe(await trial.prove(), `${String(steps.length)} resources created.`);
  },
};

const UNCHANGED: Check = {
  name: "unchanged",
  fact: "A second `up` changes nothing",
  how: "a preview and an `up` with the same settings",
  run: async ({ engine, settings, signal, up }) => {
    const previewed = stepsOf(await engine.preview(settings, signal));
    const taken = stepsOf(await up(settings));
    return previewed.length + taken.length === 0
      ? proven("No step in the preview, no step in the `up`.")
      : refuted(`Preview: ${list(previewed)}. Up: ${list(taken)}.`);
  },
};

/** One for each documented change that a throw-away stack of dev can try. */
const UPDATES: readonly Check[] = DOCUMENTED_CHANGES.flatMap(({ name, cases }) => {
  const tried = cases.find(({ environment }) => environment === "dev");
  if (tried === undefined) return [];
  return {
    name,
    fact: `A change of ${tried.what} changes what is documented and nothing else`,
    how: `preview and \`up\`, which may take these steps only: ${list(tried.steps)}; then the probe`,
    run: (trial: Trial) => tryChange(trial, tried),
  };
});

export const LIFE: readonly Check[] = [UNCHANGED, ...UPDATES];

async function tryChange(trial: Trial, { change, steps }: ChangeCase): Promise<Verdict> {
  const { engine, settings, signal } = trial;
  if (change === "server") await trial.changeServer();
  const changed = change === "server" ? settings : { ...settings, ...change(settings) };
  const previewed = stepsOf(await engine.preview(changed, signal));
  const taken = stepsOf(await trial.up(changed));
  const expected = withProbe(steps);
  const missing = expected.filter((step) => !taken.includes(step));
  const unforeseen = taken.filter((step) => !expected.includes(step));
  // A preview may fear more than happens: it does not know what Azure will answer.
  const unannounced = taken.filter((step) => !previewed.includes(step));
  if (missing.length + unforeseen.length + unannounced.length > 0) {
    return refuted(
      [
        `Steps: ${list(taken)}.`,
        ...(missing.length > 0 ? [`Not taken, but documented: ${list(missing)}.`] : []),
        ...(unforeseen.length > 0 ? [`Taken, but not documented: ${list(unforeseen)}.`] : []),
        ...(unannounced.length > 0 ? [`Not shown by the preview: ${list(unannounced)}.`] : []),
      ].join("\n"),
    );
  }
  // A probe that is not content fails the `up` itself.
  if (taken.includes(PROBE_STEP)) {
    return proven(`Steps: ${list(taken)}. The probe was content at the end of the \`up\`.`);
  }
  return judgeProbe(await trial.prove(), `Steps: ${list(taken)}.`);
}

function withProbe(steps: readonly string[]): readonly string[] {
  return steps.includes("update delivery") ? [...steps, PROBE_STEP] : steps;
}

function judgeProbe(report: ProbeReport, before: string): Verdict {
  const failed = report.checks.filter(({ outcome }) => outcome === "failed");
  const passed = report.checks.filter(({ outcome }) => outcome === "passed");
  if (holds(report)) {
    return proven(`${before} The probe: ${String(passed.length)} passed, 0 failed.`);
  }
  const lines = failed.map(({ title, detail }) => `${title}: ${detail}`);
  return refuted([before, "The probe failed:", ...lines].join("\n"));
}

/** Which changes a plan would make, for people. */
function list(steps: readonly string[]): string {
  return steps.length === 0 ? "none" : steps.join(", ");
}
