/** OPTS: what clients prefer (RFC 2389, RFC 3659). */
import { formatFacts, parseFacts } from "../protocol/listings.ts";
import { reply } from "../protocol/replies.ts";
import { anything } from "./arguments.ts";
import { answer, anytime, type Command } from "./command.ts";

/** FEAT announces `UTF8`; some clients write the name as the standard does. */
const utf8 = (name: "UTF8" | "UTF-8"): Command =>
  anytime(
    `OPTS ${name}`,
    { ...anything, syntax: "ON" },
    { inClear: true, features: () => (name === "UTF8" ? [name] : []) },
    (_context, argument) => {
      const wish = (argument ?? "ON").trim().toUpperCase();
      if (wish === "ON" || wish === "NLST") return answer(reply.ok("Names are UTF-8."));
      return wish === "OFF"
        ? answer(reply.parameterNotImplemented("Names are always UTF-8."))
        : answer(reply.syntaxError(`Use OPTS ${name} ON.`));
    },
  );

const facts = anytime(
  "OPTS MLST",
  { ...anything, syntax: "[<fact>;…]" },
  { inClear: true },
  (_context, argument) => {
    const chosen = parseFacts(argument ?? "");
    const listed = formatFacts(chosen, "none");
    return answer(reply.ok(`MLST OPTS${listed === "" ? "" : ` ${listed}`}`), { facts: chosen });
  },
);

const unknownOption = anytime("OPTS", anything, { inClear: true }, () =>
  answer(reply.syntaxError("Unknown option; known are UTF8, MLST, HASH and MODE Z.")),
);

export const OPTION_COMMANDS: readonly Command[] = [
  utf8("UTF8"),
  utf8("UTF-8"),
  facts,
  unknownOption,
];
