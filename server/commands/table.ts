/** The one table of commands: verb → rules, argument, handler. */
import type { ParsedCommand } from "../protocol/commands.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import { ACCESS_COMMANDS } from "./access.ts";
import { CHECKSUM_COMMANDS } from "./checksums.ts";
import { CLIENT_COMMANDS } from "./client.ts";
import type { Command } from "./command.ts";
import { DATA_CONNECTION_COMMANDS } from "./data-connections.ts";
import { FACT_CHANGE_COMMANDS } from "./fact-changes.ts";
import { FACT_COMMANDS } from "./facts.ts";
import { FILE_COMMANDS } from "./files.ts";
import { FOLDER_COMMANDS } from "./folders.ts";
import { createInformationCommands } from "./information.ts";
import { LISTING_COMMANDS } from "./listings.ts";
import { OPTION_COMMANDS } from "./options.ts";
import { SECURITY_COMMANDS } from "./security.ts";
import { SITE_COMMANDS } from "./site.ts";
import { SPACE_COMMANDS } from "./space.ts";
import { TRANSFER_PARAMETER_COMMANDS } from "./transfer-parameters.ts";
import { VIRTUAL_HOST_COMMANDS } from "./virtual-hosts.ts";

export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [
    ...ACCESS_COMMANDS,
    ...SECURITY_COMMANDS,
    ...VIRTUAL_HOST_COMMANDS,
    ...TRANSFER_PARAMETER_COMMANDS,
    ...DATA_CONNECTION_COMMANDS,
    ...FOLDER_COMMANDS,
    ...FILE_COMMANDS,
    ...FACT_COMMANDS,
    ...FACT_CHANGE_COMMANDS,
    ...SPACE_COMMANDS,
    ...CHECKSUM_COMMANDS,
    ...LISTING_COMMANDS,
    ...OPTION_COMMANDS,
    ...CLIENT_COMMANDS,
    ...SITE_COMMANDS,
    ...createInformationCommands(() => COMMANDS),
  ].map((command) => [command.verb, command]),
);

/** Commands that RFCs know and this server does not; all others are unknown. */
const NOT_IMPLEMENTED: ReadonlySet<string> = new Set([
  ...["SMNT", "ADAT", "CONF", "ENC", "MIC", "LPRT", "LPSV"],
  ...["XSEM", "XSEN", "XRSQ", "XRCP", "MAIL", "MLFL", "MSND", "MSOM", "MSAM", "MRSQ", "MRCP"],
]);

export type Lookup =
  | { readonly kind: "found"; readonly command: Command; readonly argument: string | undefined }
  | { readonly kind: "unknown"; readonly reply: Reply };

/** Verbs whose argument may begin with a word that belongs to the name of an entry. */
const COMPOUND_VERBS: ReadonlySet<string> = new Set(
  [...COMMANDS.keys()].flatMap((name) => name.split(" ").slice(0, -1)),
);

/** Finds a command; `SITE CHMOD …` and `OPTS UTF8 …` are entries of their own. */
export function findCommand({ verb, argument }: ParsedCommand): Lookup {
  if (COMPOUND_VERBS.has(verb)) {
    const [, word = "", rest] = /^(\S+)(?: (.*))?$/su.exec(argument ?? "") ?? [];
    const compound = COMMANDS.get(`${verb} ${word.toUpperCase()}`);
    if (compound !== undefined) return { kind: "found", command: compound, argument: rest };
  }
  const command = COMMANDS.get(verb);
  if (command !== undefined) return { kind: "found", command, argument };
  return {
    kind: "unknown",
    reply: NOT_IMPLEMENTED.has(verb)
      ? reply.notImplemented("Command not implemented.")
      : reply.unknownCommand("Unknown command."),
  };
}
