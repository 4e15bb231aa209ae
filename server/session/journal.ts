/**
 * What becomes known of a session: the structured log and the counters. Passwords never get here.
 */
import type { Logger, LogFields } from "../logging/logger.ts";
import type { ParsedCommand } from "../protocol/commands.ts";
import type { Metrics } from "../status/metrics.ts";
import type { Outcome, TransferPlan, TransferResult } from "./outcomes.ts";
import type { Principal } from "./principal.ts";

/** Verbs whose arguments are secret. */
const SECRET_ARGUMENTS: ReadonlySet<string> = new Set(["PASS", "ACCT"]);

/** Replies from here on refuse something. */
const FIRST_REFUSAL = 400;

export class SessionJournal {
  readonly #logger: Logger;
  readonly #metrics: Metrics;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  opened(fields: LogFields): void {
    this.#metrics.sessionsOpened++;
    this.#logger.log("info", "sessionOpened", fields);
  }

  closed(): void {
    this.#logger.log("info", "sessionClosed");
  }

  /** @param code of the last reply that the command got. */
  command({ verb, argument }: ParsedCommand, outcome: Outcome, code: number, tookMs: number): void {
    this.#logger.log(code >= FIRST_REFUSAL ? "info" : "debug", "command", {
      verb,
      argument: argument !== undefined && SECRET_ARGUMENTS.has(verb) ? "***" : argument,
      code,
      reason: "reason" in outcome ? outcome.reason : undefined,
      tookMs,
    });
    if (verb === "PASS" && code >= FIRST_REFUSAL) this.#metrics.loginsRefused++;
  }

  loggedIn({ account, siteName }: Principal): void {
    this.#metrics.loginsAccepted++;
    this.#logger.log("info", "loggedIn", { account: account.name, site: siteName });
  }

  transferBegan(): void {
    this.#metrics.transfersStarted++;
  }

  transferEnded(plan: TransferPlan, result: TransferResult, tookMs: number): void {
    if (result.kind === "complete") this.#metrics.transfersCompleted++;
    else this.#metrics.transfersFailed++;
    if (plan.direction === "receive") this.#metrics.bytesReceived += result.bytes;
    else this.#metrics.bytesSent += result.bytes;
    const failure = result.kind === "failed" ? result.failure : undefined;
    this.#logger.log("info", "transfer", {
      direction: plan.direction,
      path: plan.path,
      bytes: result.bytes,
      tookMs,
      result: failure?.kind ?? "complete",
      reason: failure?.kind === "storage" ? failure.error : undefined,
    });
  }

  tlsRefused(reason: string): void {
    this.#logger.log("info", "tlsRefused", { reason });
  }

  injectionRefused(): void {
    this.#logger.log("warn", "injectionRefused", {
      reason: "something followed AUTH in the clear",
    });
  }

  bug(error: unknown): void {
    const description = error instanceof Error ? error.stack : String(error);
    this.#logger.log("error", "bug", { error: description });
  }
}
