/** Telling what a user can mend from a bug. */
import { ContractError } from "#contract";
import { ListenError } from "../session/listeners.ts";

/** Settings that another process of the server could not open; the message is for the user. */
export class RefusedByWorkerError extends Error {
  override readonly name = "RefusedByWorkerError";
}

/** What is wrong with settings that cannot be put in force, for the user; undefined for a bug. */
export function describeProblem(error: unknown): string | undefined {
  const isForUser =
    error instanceof ContractError ||
    error instanceof ListenError ||
    error instanceof RefusedByWorkerError;
  return isForUser ? error.message : undefined;
}
