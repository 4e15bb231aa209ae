/** SITE: what this server has beyond the RFCs. */
import { parseMode } from "../protocol/parameters.ts";
import { reply } from "../protocol/replies.ts";
import { parseTimeValue } from "../protocol/times.ts";
import { anything, toPath, wordAndPath } from "./arguments.ts";
import { quota } from "./space.ts";
import { answer, anytime, loggedIn, type ArgumentKind, type Command } from "./command.ts";
import { planServed } from "./information.ts";
import { changeModified, NOT_KEPT } from "./modification-times.ts";

const changeMode = loggedIn(
  "SITE CHMOD",
  wordAndPath("<octal mode> <path>", "Needs a mode such as 644 and a path.", parseMode),
  { right: "overwrite" },
  async ({ principal }, { first: mode, path }) => {
    await principal.storage.setMode(path, mode);
    return answer(reply.ok("Mode changed."));
  },
);

/**
 * Two forms are in use: `YYYYMMDDHHMM[SS] path`, and `path accessed modified created UTC` with
 * times of the first form.
 */
const timesAndPath: ArgumentKind<{ readonly modifiedMs: number; readonly path: string }> = {
  syntax: "<YYYYMMDDHHMM[SS]> <path>",
  parse: (argument, state) => {
    const short = /^(\d{12}(?:\d{2})?) (.+)$/su.exec(argument ?? "");
    const long = /^(.+) \d{12,14} (\d{12}(?:\d{2})?) \d{12,14} UTC$/su.exec(argument ?? "");
    const [time, name] = long === null ? [short?.[1], short?.[2]] : [long[2], long[1]];
    const modifiedMs = time === undefined ? undefined : parseTimeValue(time.padEnd(14, "0"));
    if (modifiedMs === undefined || name === undefined) {
      return { ok: false, reply: reply.syntaxError("Needs YYYYMMDDHHMM[SS] and a path.") };
    }
    const path = toPath(name, state);
    return path.ok ? { ok: true, value: { modifiedMs, path: path.value } } : path;
  },
};

const changeTime = loggedIn(
  "SITE UTIME",
  timesAndPath,
  { right: "overwrite" },
  async ({ principal }, { modifiedMs, path }) => {
    return answer(
      (await changeModified(principal.storage, path, modifiedMs))
        ? reply.ok("Time changed.")
        : NOT_KEPT,
    );
  },
);

const help = anytime(
  "SITE HELP",
  { ...anything, syntax: "[<command>]" },
  {},
  (context, argument) => {
    if (argument !== undefined) {
      const asked = `SITE ${argument.trim().toUpperCase()}`;
      const command = NAMED_COMMANDS.find(({ verb }) => verb === asked);
      return answer(
        command === undefined
          ? reply.notImplemented("Unknown SITE command; see SITE HELP.")
          : reply.help(`Syntax: ${command.verb} ${command.syntax}`.trimEnd()),
      );
    }
    const isServed = planServed(context);
    return answer(
      reply.help(
        "SITE commands",
        ...NAMED_COMMANDS.filter(({ verb }) => isServed(verb)).map(({ verb, syntax }) =>
          ` ${verb} ${syntax}`.trimEnd(),
        ),
        "End of help",
      ),
    );
  },
);

const unknown = anytime("SITE", { ...anything, syntax: "<command>" }, {}, (_context, argument) =>
  answer(
    argument === undefined
      ? reply.syntaxError("Needs a command; see SITE HELP.")
      : reply.parameterNotImplemented("Unknown SITE command; see SITE HELP."),
  ),
);

const NAMED_COMMANDS: readonly Command[] = [help, changeMode, changeTime, quota];

export const SITE_COMMANDS: readonly Command[] = [...NAMED_COMMANDS, unknown];
