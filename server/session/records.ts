/** What the log says of commands and transfers. Passwords never get here. */
import type { LogFields } from "../logging/logger.ts";
import type { ParsedCommand } from "../protocol/commands.ts";
import type { Outcome, TransferPlan, TransferResult } from "./outcomes.ts";

/** Verbs whose arguments are secret. */
const SECRET_ARGUMENTS: ReadonlySet<string> = new Set(["PASS", "ACCT"]);

export function describeCommand(
  { verb, argument }: ParsedCommand,
  outcome: Outcome,
  code: number,
  milliseconds: number,
): LogFields {
  return {
    verb,
    argument: argument !== undefined && SECRET_ARGUMENTS.has(verb) ? "***" : argument,
    code,
    reason: "reason" in outcome ? outcome.reason : undefined,
    milliseconds,
  };
}

export function describeTransfer(
  plan: TransferPlan,
  result: TransferResult,
  milliseconds: number,
): LogFields {
  return {
    direction: plan.direction,
    path: plan.path,
    bytes: result.bytes,
    milliseconds,
    result: result.kind === "complete" ? "complete" : result.failure.kind,
    storageError:
      result.kind === "failed" && result.failure.kind === "storage"
        ? result.failure.error
        : undefined,
  };
}
