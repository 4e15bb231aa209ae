/**
 * Request filtering as in IIS: which commands and which paths are refused, whoever asks.
 *
 * The path is the one that the client sees, so that `LocalUser` as a hidden segment does not lock
 * out those who are isolated below it. Extensions, hidden segments and denied sequences are
 * compared without case and in normal form C, and names also without the dots and blanks at their
 * end, which Windows drops when it saves them: so no spelling of a name gets past. Commands are denied together with their older aliases (`XMKD` with `MKD`, RFC 775).
 */
import type { RequestFiltering } from "#contract";
import { nameOf } from "../protocol/paths.ts";

/** Why a path is refused; `text` names the setting, for the log. */
export interface Refusal {
  readonly kind:
    "fileExtension" | "hiddenSegment" | "deniedSequence" | "pathTooLong" | "highBitCharacter";
  readonly text: string;
}

/** Why a command is refused. */
export type CommandRefusal = Pick<Refusal, "text">;

/** `unknown`: a name that may become either, as in RNTO; it is filtered like a file's. */
export type RequestedKind = "file" | "directory" | "unknown";

export interface RequestFilter {
  /** @param path absolute, normalised, as the client sees it. */
  checkPath(path: string, kind: RequestedKind): Refusal | undefined;
  /** @param argument what follows the verb, for rules such as `SITE CHMOD`. */
  checkCommand(verb: string, argument?: string): CommandRefusal | undefined;
  /** True when listings leave `name` out. */
  hides(name: string): boolean;
}

/** Always answered: a client must be able to leave (RFC 959, 4.1.1). */
const ALWAYS_ALLOWED = "QUIT";

/** RFC 775, and RFC 1123, 4.1.3.1: the same commands under experimental names. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["XCUP", "CDUP"],
  ["XCWD", "CWD"],
  ["XMKD", "MKD"],
  ["XPWD", "PWD"],
  ["XRMD", "RMD"],
]);

/** Names without extension, in the settings. */
const NO_EXTENSION = ".";

/** Compiles the settings of a site. */
export function planRequestFilter(settings: RequestFiltering): RequestFilter {
  const hidden = new Set(settings.hiddenSegments.map(fold));
  const sequences = settings.deniedUrlSequences.map((text) => ({ text, folded: fold(text) }));
  const extensions = new Set(settings.fileExtensions.extensions.map(fold));
  const deniesNoExtension = settings.fileExtensions.mode === "deny" && extensions.size === 0;
  const commands = new Set(settings.commands.names.map((name) => name.toUpperCase()));
  const isHidden = (name: string): boolean =>
    hidden.size > 0 && spellingsOf(name).some((spelling) => hidden.has(spelling));

  const checkPath = (path: string, kind: RequestedKind): Refusal | undefined => {
    // UTF-8 needs at most three bytes for each UTF-16 unit: short paths need no counting.
    if (
      path.length * 3 > settings.maximumPathBytes &&
      Buffer.byteLength(path) > settings.maximumPathBytes
    ) {
      return refusal(
        "pathTooLong",
        `longer than requestFiltering.maximumPathBytes ${String(settings.maximumPathBytes)}`,
      );
    }
    if (settings.highBitCharacters === "deny" && /[^\u0000-\u007f]/u.test(path)) {
      return refusal("highBitCharacter", "requestFiltering.highBitCharacters is deny");
    }
    const concealed = hidden.size === 0 ? undefined : path.split("/").slice(1).find(isHidden);
    if (concealed !== undefined) {
      return refusal("hiddenSegment", `requestFiltering.hiddenSegments holds ${concealed}`);
    }
    if (sequences.length > 0) {
      const folded = fold(path);
      const denied = sequences.find((sequence) => folded.includes(sequence.folded));
      if (denied !== undefined) {
        return refusal(
          "deniedSequence",
          `requestFiltering.deniedUrlSequences holds ${denied.text}`,
        );
      }
    }
    return kind === "directory" ? undefined : checkExtension(nameOf(path));
  };

  const checkExtension = (name: string): Refusal | undefined => {
    if (name === "" || deniesNoExtension) return undefined;
    const listed = spellingsOf(name).map((spelling) => listedExtension(spelling, extensions));
    if (settings.fileExtensions.mode === "deny") {
      const denied = listed.find((extension) => extension !== undefined);
      return denied === undefined
        ? undefined
        : refusal("fileExtension", `requestFiltering.fileExtensions denies ${denied}`);
    }
    return listed.includes(undefined)
      ? refusal("fileExtension", `requestFiltering.fileExtensions does not allow ${name}`)
      : undefined;
  };

  const findListed = (upper: string, argument: string): string | undefined => {
    const plain = ALIASES.get(upper) ?? upper;
    const [word = ""] = argument.trimStart().toUpperCase().split(/\s/u, 1);
    return [...aliasesOf(plain), `${plain} ${word}`].find((name) => commands.has(name));
  };

  const checkCommand = (verb: string, argument = ""): CommandRefusal | undefined => {
    const upper = verb.toUpperCase();
    if (upper === ALWAYS_ALLOWED) return undefined;
    // Most sites list none.
    const listed = commands.size === 0 ? undefined : findListed(upper, argument);
    if ((settings.commands.mode === "deny") === (listed === undefined)) return undefined;
    return {
      text:
        listed === undefined
          ? `requestFiltering.commands does not allow ${upper}`
          : `requestFiltering.commands denies ${listed}`,
    };
  };

  return { checkPath, checkCommand, hides: isHidden };
}

function refusal(kind: Refusal["kind"], text: string): Refusal {
  return { kind, text };
}

function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** A name as it is, and as Windows would keep it. */
function spellingsOf(name: string): readonly string[] {
  const folded = fold(name);
  const kept = folded.replace(/[. ]+$/u, "");
  return kept === "" || kept === folded ? [folded] : [folded, kept];
}

/** A command and its older names. */
function aliasesOf(plain: string): readonly string[] {
  return [plain, ...[...ALIASES].flatMap(([alias, command]) => (command === plain ? [alias] : []))];
}

/** The listed extension that `name` (folded) has, the longest first: `.tar.gz` before `.gz`. */
function listedExtension(name: string, extensions: ReadonlySet<string>): string | undefined {
  if (extensions.size === 0) return undefined;
  for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
    const extension = name.slice(dot);
    if (extensions.has(extension) && extension !== NO_EXTENSION) return extension;
  }
  // "name" and "name." have none.
  const bare = !name.includes(".") || name.lastIndexOf(".") === name.length - 1;
  return bare && extensions.has(NO_EXTENSION) ? NO_EXTENSION : undefined;
}
