/** Arguments of LIST and NLST: options of `ls` that clients send, and patterns in the last name. */

export interface ListArgument {
  /** Option letters, for example `a` and `l` of `-al`. */
  readonly options: ReadonlySet<string>;
  /** What is to be listed; undefined: the current folder. */
  readonly path: string | undefined;
}

/** Letters of `ls` that clients are known to send. Other words with a dash are names. */
const OPTION_WORD = /^-[1aAlLRrtSFCdnghT]+(?= |$)/u;

/** Splits `-la folder` into options and path. The path keeps its own spaces. */
export function parseListArgument(argument: string | undefined): ListArgument {
  const options = new Set<string>();
  let rest = argument ?? "";
  for (let match = OPTION_WORD.exec(rest); match !== null; match = OPTION_WORD.exec(rest)) {
    for (const letter of match[0].slice(1)) options.add(letter);
    rest = rest.slice(match[0].length).replace(/^ /u, "");
  }
  return { options, path: rest === "" ? undefined : rest };
}

/** True when a name holds characters that patterns give a meaning. */
export function isPattern(name: string): boolean {
  return /[*?[]/u.test(name);
}

/**
 * True when `name` matches `pattern`: `*`, `?`, `[a-z]`, `[!a-z]`. Needs at most the product of the
 * lengths in steps, whatever the pattern. A `\` stands for itself; `[*]` names a star.
 * Names with a leading dot match only patterns with one, as in a shell.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const tokens = parsePattern(pattern);
  const characters = [...name];
  if (name.startsWith(".") && tokens[0]?.kind !== "literal") return false;
  let token = 0;
  let position = 0;
  let star = -1;
  let starPosition = 0;
  while (position < characters.length) {
    const current = tokens[token];
    if (current?.kind === "star") {
      star = token++;
      starPosition = position;
    } else if (current !== undefined && matchesOne(current, characters[position] ?? "")) {
      token++;
      position++;
    } else if (star >= 0) {
      token = star + 1;
      position = ++starPosition;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === "star") token++;
  return token === tokens.length;
}

type Token =
  | { readonly kind: "star" }
  | { readonly kind: "any" }
  | { readonly kind: "literal"; readonly character: string }
  | {
      readonly kind: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

function matchesOne(token: Token, character: string): boolean {
  switch (token.kind) {
    case "star":
    case "any":
      return true;
    case "literal":
      return token.character === character;
    case "class":
      return (
        token.ranges.some(([low, high]) => low <= character && character <= high) !== token.negated
      );
  }
}

function parsePattern(pattern: string): readonly Token[] {
  const characters = [...pattern];
  const tokens: Token[] = [];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? "";
    if (character === "*") {
      if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
    } else if (character === "?") {
      tokens.push({ kind: "any" });
    } else if (character === "[") {
      const end = characters.indexOf("]", index + (characters[index + 1] === "!" ? 3 : 2));
      if (end < 0) {
        tokens.push({ kind: "literal", character });
      } else {
        tokens.push(parseClass(characters.slice(index + 1, end)));
        index = end;
      }
    } else {
      tokens.push({ kind: "literal", character });
    }
  }
  return tokens;
}

function parseClass(characters: readonly string[]): Token {
  const negated = characters[0] === "!" || characters[0] === "^";
  const members = negated ? characters.slice(1) : characters;
  const ranges: (readonly [string, string])[] = [];
  for (let index = 0; index < members.length; index++) {
    const low = members[index] ?? "";
    const high = members[index + 2];
    if (members[index + 1] === "-" && high !== undefined) {
      ranges.push([low, high]);
      index += 2;
    } else {
      ranges.push([low, low]);
    }
  }
  return { kind: "class", negated, ranges };
}
