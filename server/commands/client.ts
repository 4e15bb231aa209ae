/** What client and server tell each other about themselves: CLNT, CSID, LANG. */
import { reply } from "../protocol/replies.ts";
import { anything, text } from "./arguments.ts";
import { answer, anytime, type Command } from "./command.ts";

const client = anytime(
  "CLNT",
  text("name"),
  { inClear: true, keeps: ["restart"], features: () => ["CLNT"] },
  () => answer(reply.ok("Noted.")),
);

/**
 * Both sides name themselves and what of them matters to the other
 * (draft-peterson-streamlined-ftp-command-extensions, section 4.2). The version stays private.
 */
const identify = anytime(
  "CSID",
  text("name=value;…"),
  { inClear: true, keeps: ["restart"], features: () => ["CSID"] },
  (_context, argument) =>
    answer(
      /^(?:[^;=]+=[^;=]*;?)+$/u.test(argument)
        ? reply.ok("Name=Gangway; OS=UNIX; CaseSensitive=1; DirSep=/;")
        : reply.syntaxError("Needs pairs such as Name=client; Version=1.0;"),
    ),
);

/** RFC 5646, as far as it can be told without a list of languages. */
const LANGUAGE_TAG = /^[a-z]{1,8}(?:-[a-z\d]{1,8})*$/u;

/** Replies are in English, of whatever region; without a tag the default returns (RFC 2640, 4). */
const language = anytime(
  "LANG",
  { ...anything, syntax: "[<language tag>]" },
  { inClear: true, keeps: ["restart"], features: () => ["LANG EN*"] },
  (_context, argument = "en") => {
    const tag = argument.trim().toLowerCase();
    if (!LANGUAGE_TAG.test(tag)) return answer(reply.syntaxError("Needs a language tag."));
    return answer(
      tag === "en" || tag.startsWith("en-")
        ? reply.ok("Replies are in English.")
        : reply.parameterNotImplemented("Replies are in English only."),
    );
  },
);

export const CLIENT_COMMANDS: readonly Command[] = [client, identify, language];
