/** Kinds of arguments. Each refuses what it cannot read with a reply that says what is wrong. */
import { resolvePath, type PathFault } from "../protocol/paths.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { SessionState } from "../session/state.ts";
import type { ArgumentKind, Parsed } from "./command.ts";

/** Nothing may follow the verb. */
export const nothing: ArgumentKind<undefined> = {
  syntax: "",
  parse: (argument) =>
    argument === undefined || argument.trim() === ""
      ? { ok: true, value: undefined }
      : refused(reply.syntaxError("This command takes no argument.")),
};

/** Anything, or nothing. */
export const anything: ArgumentKind<string | undefined> = {
  syntax: "[<text>]",
  parse: (argument) => ({ ok: true, value: argument }),
};

/** Any text, exactly as sent. */
export const text = (name: string): ArgumentKind<string> => ({
  syntax: `<${name}>`,
  parse: (argument) =>
    argument === undefined
      ? refused(reply.syntaxError(`Needs an argument: ${name}.`))
      : { ok: true, value: argument },
});

/** A value that `read` makes of the trimmed text; undefined is answered with 501 and `problem`. */
export const value = <A>(
  syntax: string,
  problem: string,
  read: (text: string) => A | undefined,
): ArgumentKind<A> => ({
  syntax,
  parse: (argument) => {
    const result = argument === undefined ? undefined : read(argument.trim());
    return result === undefined ? refused(reply.syntaxError(problem)) : { ok: true, value: result };
  },
});

/** A path, resolved against the current folder. */
export const path: ArgumentKind<string> = {
  syntax: "<path>",
  parse: (argument, state) =>
    argument === undefined
      ? refused(reply.syntaxError("Needs an argument: path."))
      : toPath(argument, state),
};

/** A path, or nothing for the current folder. */
export const optionalPath: ArgumentKind<string | undefined> = {
  syntax: "[<path>]",
  parse: (argument, state) =>
    argument === undefined ? { ok: true, value: undefined } : toPath(argument, state),
};

/** A word ahead of a path: `20240131120000 folder/file`. */
export const wordAndPath = <A>(
  syntax: string,
  problem: string,
  read: (text: string) => A | undefined,
): ArgumentKind<{ readonly first: A; readonly path: string }> => ({
  syntax,
  parse: (argument, state) => {
    const match = /^(\S+) (.+)$/su.exec(argument ?? "");
    const first = match === null ? undefined : read(match[1] ?? "");
    if (first === undefined) return refused(reply.syntaxError(problem));
    const resolved = toPath(match?.[2] ?? "", state);
    return resolved.ok ? { ok: true, value: { first, path: resolved.value } } : resolved;
  },
});

const PATH_FAULTS = {
  empty: reply.syntaxError("The path is empty."),
  controlCharacter: reply.syntaxError("The path holds a line break or NUL."),
  tooLong: reply.nameNotAllowed("The path is too long."),
} as const satisfies Record<PathFault, Reply>;

/** Resolves a path that stands somewhere in an argument. */
export function toPath(argument: string, state: SessionState): Parsed<string> {
  const resolved = resolvePath(state.folder, argument);
  return resolved.ok ? { ok: true, value: resolved.path } : refused(PATH_FAULTS[resolved.fault]);
}

function refused(because: Reply): { readonly ok: false; readonly reply: Reply } {
  return { ok: false, reply: because };
}
