/**
 * Runs a calculation to its one reply. Clients and devices on the way lose patience with a control
 * connection that stays silent for as long as a large file takes to hash: after a while the reply
 * begins as one of several lines (RFC 959 section 4.2), which tell how far it has come.
 */
import { formatReplyStart, reply, type Reply } from "../protocol/replies.ts";
import { StorageError } from "../storage/storage.ts";
import { explain } from "./causes.ts";
import { storageReply } from "./failures.ts";
import { BOUNDS } from "./limits.ts";
import type { Calculation, Explanation } from "./outcomes.ts";

const ABORTED = reply.localError("Aborted.");

/** What the calculation came to. */
export interface CalculationResult extends Explanation {
  readonly reply: Reply;
}

/** A calculation that can be ended. */
export class RunningCalculation {
  readonly #plan: Calculation;
  readonly #abort = new AbortController();

  constructor(plan: Calculation) {
    this.#plan = plan;
  }

  abort(): void {
    this.#abort.abort();
  }

  /**
   * @param tell sends text to the client.
   * @throws whatever is no expected failure: a bug.
   */
  async run(
    tell: (text: string) => void,
    interimMilliseconds: number = BOUNDS.interimMilliseconds,
  ): Promise<CalculationResult> {
    const { code, title, progress } = this.#plan;
    let begun = false;
    const timer = setInterval(() => {
      tell(begun ? ` ${progress()}\r\n` : formatReplyStart(code, title));
      begun = true;
    }, interimMilliseconds);
    try {
      const result = await this.#settle();
      // A reply that has begun can only end with the code that it began with.
      return begun && result.reply.code !== code
        ? { ...result, reply: { code, lines: [`No result: ${result.reply.lines.join(" ")}`] } }
        : result;
    } finally {
      clearInterval(timer);
    }
  }

  async #settle(): Promise<CalculationResult> {
    const { signal } = this.#abort;
    try {
      return { reply: await this.#plan.run(signal) };
    } catch (error) {
      if (signal.aborted) return { reply: ABORTED, reason: "aborted", cause: "aborted" };
      if (!(error instanceof StorageError)) throw error;
      return { reply: storageReply(error.kind), ...explain(error) };
    }
  }
}
