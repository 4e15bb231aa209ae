/** How commands end, and how their errors reach a person. */
import { inspect } from "node:util";
import { ContractError } from "#contract";

/** 0: all well. 1: the command found something wrong. 2: it was not asked in the right way. */
export type ExitCode = 0 | 1 | 2;

/** The command line, or a file that it names, cannot be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly exitCode = 2;
}

/** Something that a person can act on stands in the way. `hint` is the next step, if there is one. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode = 1;

  /** @param cause shown with its stack when somebody debugs. */
  constructor(message: string, hint?: string, cause?: Error) {
    super(hint === undefined ? message : `${message}\n${hint}`, { cause });
  }
}

/** An error as a person sees it. */
export interface Explanation {
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/**
 * Turns whatever a command threw into lines and an exit code. Errors that carry an `exitCode`
 * (ours, and those of the parts that commands call) and errors of the operating system speak for
 * themselves; anything else is a bug, whose stack shows only on request.
 */
export function explainError(error: unknown, debug: boolean): Explanation {
  if (debug && error instanceof Error) {
    return { lines: [inspect(error)], exitCode: exitCodeOf(error) ?? 1 };
  }
  if (error instanceof Error) {
    const exitCode = exitCodeOf(error);
    if (exitCode !== undefined) return { lines: [error.message], exitCode };
    const system = describeSystemError(error);
    if (system !== undefined) return { lines: [system], exitCode: 1 };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    lines: [
      `This is a bug in Gangway. ${message.split("\n", 1)[0] ?? ""}`,
      "Set GANGWAY_DEBUG=1 to see where it happened.",
    ],
    exitCode: 1,
  };
}

function exitCodeOf(error: Error): ExitCode | undefined {
  if (error instanceof ContractError) return 2;
  if (!("exitCode" in error)) return undefined;
  return error.exitCode === 1 || error.exitCode === 2 ? error.exitCode : undefined;
}

const SYSTEM_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "is a folder, not a file",
  ENOTDIR: "is not a folder",
  EADDRINUSE: "is already in use",
  EADDRNOTAVAIL: "is not an address of this machine",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
};

/** One line for an error of the operating system: what it was about, and what is wrong. */
function describeSystemError(error: NodeJS.ErrnoException): string | undefined {
  const problem = SYSTEM_PROBLEMS[error.code ?? ""];
  if (problem === undefined || error.syscall === undefined) return undefined;
  if (error.path !== undefined) return `${error.path}: ${problem}`;
  if ("address" in error && "port" in error) {
    return `${String(error.address)}:${String(error.port)}: ${problem}`;
  }
  return `${error.syscall}: ${problem}`;
}
