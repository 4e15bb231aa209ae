/** What the server says of itself: FEAT, HELP, SYST, NOOP; and ABOR. */
import type { Listing } from "#contract";
import { reply } from "../protocol/replies.ts";
import { currentSite } from "../session/principal.ts";
import { NO_DATA } from "../session/state.ts";
import { anything, nothing } from "./arguments.ts";
import { answer, anytime, type Command, type CommandContext } from "./command.ts";

const VERBS_PER_LINE = 8;

/** FEAT and HELP derive from the table, which is not complete before they are in it. */
export function createInformationCommands(
  table: () => ReadonlyMap<string, Command>,
): readonly Command[] {
  const features = anytime("FEAT", nothing, { inClear: true }, (context) => {
    const isServed = planServed(context);
    const lines = [...table().values()]
      .filter(({ verb }) => isServed(verb))
      .flatMap((command) => command.features(context));
    return answer(reply.systemStatus("Features:", ...lines.map((line) => ` ${line}`), "End"));
  });

  const help = anytime(
    "HELP",
    { ...anything, syntax: "[<command>]" },
    { inClear: true, keeps: ["restart"] },
    (context, argument) => {
      if (argument !== undefined) {
        const command = table().get(argument.trim().toUpperCase());
        return answer(
          command === undefined
            ? reply.notImplemented("Unknown command.")
            : reply.help(`Syntax: ${command.verb} ${command.syntax}`.trimEnd()),
        );
      }
      const isServed = planServed(context);
      const verbs = [...table().keys()]
        .filter((verb) => !verb.includes(" ") && isServed(verb))
        .toSorted();
      const lines: string[] = [];
      for (let index = 0; index < verbs.length; index += VERBS_PER_LINE) {
        lines.push(` ${verbs.slice(index, index + VERBS_PER_LINE).join(" ")}`);
      }
      return answer(reply.help("Commands:", ...lines, "HELP with a command gives its syntax."));
    },
  );

  return [features, help, system, noOperation, abort];
}

/** Whether the site's request filter lets a command pass: what is announced has to work. */
export function planServed({ view, state }: CommandContext): (verb: string) => boolean {
  const { filter } = currentSite(view, state);
  return (verb) => {
    const [name = "", ...argument] = verb.split(" ");
    return filter.checkCommand(name, argument.join(" ")) === undefined;
  };
}

/** Old clients choose by it how to read LIST. */
const SYSTEM_OF_STYLE = {
  unix: "UNIX Type: L8",
  dos: "Windows_NT",
} as const satisfies Record<Listing["style"], string>;

const system = anytime(
  "SYST",
  nothing,
  { inClear: true, keeps: ["restart"] },
  ({ view, state }) => {
    const { style } = currentSite(view, state).settings.listing;
    return answer(reply.systemType(SYSTEM_OF_STYLE[style]));
  },
);

const noOperation = anytime(
  "NOOP",
  nothing,
  { inClear: true, keeps: ["restart"], duringTransfer: "answer" },
  () => answer(reply.ok("OK.")),
);

/**
 * The session has ended a running transfer, and answered it with 426, before this runs; what is
 * left is to give back a data connection that was only prepared (RFC 959 section 4.1.3).
 */
const abort = anytime("ABOR", nothing, { inClear: true, duringTransfer: "abort" }, () =>
  answer(reply.transferComplete("Nothing is being transferred now."), { data: NO_DATA }),
);
