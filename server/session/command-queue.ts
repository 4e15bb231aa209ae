/**
 * Lines in the order in which they came, some of them read ahead: while a transfer runs, the
 * session looks for what is answered or acted on at once and keeps the rest for later.
 */
import { COMMANDS } from "../commands/table.ts";
import { parseCommand, type ParsedCommand } from "../protocol/commands.ts";
import type { LineEvent } from "../protocol/lines.ts";
import { BOUNDS } from "./limits.ts";

/** Where the lines come from. */
export interface LineSource {
  next(): LineEvent | undefined;
}

/** What runs while lines are read ahead: only a transfer leaves room for other replies. */
export type Meanwhile = "transfer" | "calculation";

export type Urgent =
  /** To be answered while the transfer goes on. */
  | { readonly kind: "answer"; readonly parsed: ParsedCommand }
  /** Ends the transfer; the command itself is answered in its turn. */
  | { readonly kind: "abort" };

export class CommandQueue {
  readonly #source: LineSource;
  #ahead: LineEvent[] | undefined;

  constructor(source: LineSource) {
    this.#source = source;
  }

  /** The oldest line that was not taken yet. */
  take(): LineEvent | undefined {
    const event = this.#ahead?.shift();
    if (event !== undefined) return event;
    this.#ahead = undefined;
    return this.#source.next();
  }

  /** Reads on, within bounds, up to the next line that does not wait for the end of a transfer. */
  readAhead(meanwhile: Meanwhile = "transfer"): Urgent | undefined {
    while ((this.#ahead?.length ?? 0) < BOUNDS.queuedCommands) {
      const event = this.#source.next();
      if (event === undefined) return undefined;
      const parsed = event.kind === "line" ? parseCommand(event.text) : undefined;
      const rule = COMMANDS.get(parsed?.verb ?? "")?.duringTransfer ?? "wait";
      // Replies come in the order of the commands: behind one that waits, all wait.
      const first = (this.#ahead?.length ?? 0) === 0;
      const answered = meanwhile === "transfer" && rule === "answer" && first;
      if (answered && parsed !== undefined && parsed.argument === undefined) {
        return { kind: "answer", parsed };
      }
      (this.#ahead ??= []).push(event);
      if (rule === "abort") return { kind: "abort" };
    }
    return undefined;
  }

  /** Lines were read ahead and not taken yet. */
  get holdsLines(): boolean {
    return (this.#ahead?.length ?? 0) > 0;
  }

  /** The client has said QUIT: what runs may still finish after it closed its side. */
  get holdsQuit(): boolean {
    return (this.#ahead ?? []).some(
      (event) => event.kind === "line" && parseCommand(event.text)?.verb === "QUIT",
    );
  }
}
