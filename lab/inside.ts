/**
 * Entry of the process that evaluates the program where the clients are: at the level `network`
 * the probe then reaches the public address as any client does. Its parent sends one job.
 */
import type { CloudEffects } from "./cloud/effects.ts";
import { effectsOfLevel } from "./effects-of-level.ts";
import { evaluateInProcess, type EvaluationResult, type Step } from "./engine/evaluate.ts";
import type { Level } from "./levels.ts";

export interface Job {
  readonly projectFolder: string;
  readonly stack: string;
  readonly stackFile: string;
  readonly labFolder: string;
  readonly level: Level;
  /** `up` unless said. */
  readonly operation?: "preview" | "up";
}

/** What the process tells its parent. */
export type Message =
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "delivered" }
  | { readonly kind: "done"; readonly result: Pick<EvaluationResult, "engine" | "outputs" | "log"> }
  | { readonly kind: "failed"; readonly message: string };

process.once("message", (job: Job) => {
  void run(job).then(() => process.disconnect());
});

async function run(job: Job): Promise<void> {
  const { level, ...evaluation } = job;
  try {
    const effects = announcing(await effectsOfLevel(level, job.labFolder));
    const { engine, outputs, log } = await evaluateInProcess({
      ...evaluation,
      effects,
      onStep: (step) => tell({ kind: "step", step }),
    });
    tell({ kind: "done", result: { engine, outputs, log } });
  } catch (error) {
    const bug = process.env["GANGWAY_DEBUG"] === "1" && error instanceof Error;
    const message = bug ? (error.stack ?? error.message) : String((error as Error).message);
    tell({ kind: "failed", message });
  }
}

/** Says when a server has been delivered, because what comes next is the probe. */
function announcing(effects: CloudEffects): CloudEffects {
  return {
    ...effects,
    async runCommand(invocation) {
      const result = await effects.runCommand(invocation);
      if (result.exitCode === 0) tell({ kind: "delivered" });
      return result;
    },
  };
}

function tell(message: Message): void {
  process.send?.(message);
}
