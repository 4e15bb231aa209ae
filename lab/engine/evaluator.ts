/** Evaluates programs in a process of their own, one after the other, many times over. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Evaluation, EvaluationResult } from "./evaluate.ts";

/** An evaluation that can be sent to another process. */
export interface RemoteEvaluation extends Omit<Evaluation, "onStep"> {
  /** Whose effects follow: a level of the lab; `none` is the default. */
  readonly level?: string;
}

/** What the process answers. */
export type Answer =
  | { readonly kind: "result"; readonly result: EvaluationResult }
  | { readonly kind: "failure"; readonly message: string };

/** Modules of earlier evaluations stay in memory, so the process is replaced after this many. */
const EVALUATIONS_PER_PROCESS = 50;
const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** Runs evaluations one at a time in a child process; dispose it when done. */
export class Evaluator implements AsyncDisposable {
  #child: ChildProcess | undefined;
  #count = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Evaluates a program.
   *
   * @throws Error with the message of the failure.
   */
  evaluate(evaluation: RemoteEvaluation): Promise<EvaluationResult> {
    const mine = this.#turn.then(() => this.#evaluate(evaluation));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#end();
  }

  async #evaluate(evaluation: RemoteEvaluation): Promise<EvaluationResult> {
    if (this.#count >= EVALUATIONS_PER_PROCESS) await this.#end();
    const child = (this.#child ??= fork(WORKER, {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    }));
    this.#count += 1;
    const answer = await new Promise<Answer>((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new Error(`The evaluating process ended with ${String(code)} before it answered.`));
      child.once("exit", onExit);
      child.once("message", (message) => {
        child.off("exit", onExit);
        resolve(message as Answer);
      });
      child.send(evaluation);
    });
    if (answer.kind === "result") return answer.result;
    // What a failed program left pending must not disturb the next one.
    await this.#end();
    throw new Error(answer.message);
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#count = 0;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.disconnect();
    await ended;
  }
}

/** Evaluates one program in a process of its own. */
export async function evaluateInWorker(evaluation: RemoteEvaluation): Promise<EvaluationResult> {
  await using evaluator = new Evaluator();
  return await evaluator.evaluate(evaluation);
}
