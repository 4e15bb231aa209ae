/** Entry of the process that evaluates programs for an `Evaluator`; ends when that disconnects. */
import { evaluateInProcess } from "./evaluate.ts";
import type { Answer, RemoteEvaluation } from "./evaluator.ts";
import { effectsOf } from "./level-effects.ts";

process.on("disconnect", () => process.exit(0));
process.on("message", (message) => void answer(message as RemoteEvaluation));

async function answer({ level, ...evaluation }: RemoteEvaluation): Promise<void> {
  let reply: Answer;
  try {
    const effects = await effectsOf(level ?? "none", evaluation.labFolder ?? "");
    reply = { kind: "result", result: await evaluateInProcess({ ...evaluation, effects }) };
  } catch (error) {
    reply = { kind: "failure", message: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(reply);
}
