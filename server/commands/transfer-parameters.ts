/** How transfers run: TYPE, MODE, STRU, REST, RANG, ALLO. */
import { parseRange } from "../protocol/hashes.ts";
import {
  parseAllocation,
  parseByteCount,
  parseDeflateLevel,
  parseType,
} from "../protocol/parameters.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import { text, value } from "./arguments.ts";
import { answer, loggedIn, type Command } from "./command.ts";

const type = loggedIn("TYPE", text("type"), { keeps: ["restart"] }, (_context, argument) => {
  const parsed = parseType(argument);
  switch (parsed.kind) {
    case "type":
      return answer(reply.ok(parsed.type === "ascii" ? "Type is ASCII." : "Type is image."), {
        type: parsed.type,
      });
    case "unsupported":
      return answer(reply.parameterNotImplemented("Use TYPE A or TYPE I."));
    case "malformed":
      return answer(reply.syntaxError("Unknown type; use TYPE A or TYPE I."));
  }
});

/** A letter out of those that RFC 959 knows and this server does not serve, or none that is known. */
function refuseLetter(letter: string, known: string, name: string, served: string): Reply {
  return letter.length === 1 && known.includes(letter)
    ? reply.parameterNotImplemented(`${name} ${letter} is not available; use ${served}.`)
    : reply.syntaxError(`Unknown ${name.toLowerCase()}; use ${served}.`);
}

const mode = loggedIn(
  "MODE",
  text("mode"),
  { keeps: ["restart"], features: () => ["MODE Z"] },
  (_context, argument) => {
    const letter = argument.trim().toUpperCase();
    switch (letter) {
      case "S":
        return answer(reply.ok("Mode is S."), { mode: "stream" });
      case "Z":
        return answer(reply.ok("Mode is Z."), { mode: "deflate" });
    }
    return answer(refuseLetter(letter, "BC", "Mode", "MODE S or MODE Z"));
  },
);

const modeOptions = loggedIn(
  "OPTS MODE",
  value("Z LEVEL <0-9>", "Use OPTS MODE Z LEVEL with a digit.", parseDeflateLevel),
  {},
  (_context, deflateLevel) =>
    answer(reply.ok(`MODE Z LEVEL is ${String(deflateLevel)}.`), { deflateLevel }),
);

const structure = loggedIn(
  "STRU",
  text("structure"),
  { keeps: ["restart"] },
  (_context, argument) => {
    const letter = argument.trim().toUpperCase();
    return letter === "F"
      ? answer(reply.ok("Structure is F."))
      : answer(refuseLetter(letter, "RP", "Structure", "STRU F"));
  },
);

const restart = loggedIn(
  "REST",
  value("<offset>", "Needs an offset in bytes.", parseByteCount),
  { features: () => ["REST STREAM"] },
  (_context, offset) =>
    answer(reply.pending(`Restarting at ${String(offset)}.`), {
      pending: { kind: "restart", offset },
    }),
);

/** For RETR, STOR and HASH; what is malformed also takes back what was set (draft-bryan-ftp-range). */
const range = loggedIn(
  "RANG",
  value("<first> <last>", "Needs the first and the last byte.", parseRange),
  { features: () => ["RANG STREAM"] },
  (_context, argument) => {
    if (argument.kind === "reset") return answer(reply.pending("The whole file again."));
    const { first, last } = argument;
    const text = `Restarting at ${String(first)}. End byte range at ${String(last)}.`;
    return answer(reply.pending(text), { pending: { kind: "restart", offset: first, last } });
  },
);

const allocate = loggedIn(
  "ALLO",
  value("<bytes>", "Needs a number of bytes.", parseAllocation),
  { keeps: ["restart"] },
  async ({ principal, state }, bytes) => {
    await principal.storage.requireRoom(state.folder, bytes);
    return answer(reply.ok("There is enough space."));
  },
);

export const TRANSFER_PARAMETER_COMMANDS: readonly Command[] = [
  type,
  mode,
  modeOptions,
  structure,
  restart,
  range,
  allocate,
];
