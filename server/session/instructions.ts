/** What a session does about a line: run a command, answer at once, or send Telnet's bytes. */
import { isWebRequest, parseCommand, type ParsedCommand } from "../protocol/commands.ts";
import type { LineEvent, LineFault } from "../protocol/lines.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { Outcome } from "./outcomes.ts";

type Refusal = Extract<Outcome, { readonly kind: "reply" | "close" }>;

export type Instruction =
  | { readonly kind: "execute"; readonly parsed: ParsedCommand }
  /** Nothing that could be executed. */
  | {
      readonly kind: "refuse";
      readonly outcome: Refusal;
    }
  | { readonly kind: "send"; readonly bytes: Uint8Array };

/** Replies to lines that no command can be made of. */
const LINE_FAULT_REPLIES = {
  tooLong: reply.unknownCommand("The line is too long."),
  notUtf8: reply.syntaxError("The line is not UTF-8."),
  controlCharacter: reply.syntaxError("The line holds NUL or a lone CR."),
} as const satisfies Record<LineFault, Reply>;

/** What follows is a web request's headers and body; nothing of it may run. */
const NO_WEB_SERVER: Instruction = refuse({
  kind: "close",
  reply: reply.serviceClosing("This is an FTP server."),
});

export function interpretLine(event: LineEvent): Instruction {
  switch (event.kind) {
    case "telnetOption":
      return { kind: "send", bytes: event.answer };
    case "refused":
      return isWebRequest(event.start)
        ? NO_WEB_SERVER
        : refuse({ kind: "reply", reply: LINE_FAULT_REPLIES[event.fault] });
    case "flood":
      return refuse({
        kind: "close",
        reply: reply.serviceClosing("The line does not end; goodbye."),
      });
    case "line": {
      if (isWebRequest(event.text)) return NO_WEB_SERVER;
      const parsed = parseCommand(event.text);
      return parsed === undefined
        ? refuse({ kind: "reply", reply: reply.unknownCommand("Not a command.") })
        : { kind: "execute", parsed };
    }
  }
}

function refuse(outcome: Refusal): Instruction {
  return { kind: "refuse", outcome };
}
