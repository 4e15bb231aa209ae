/** Arguments of the commands that set how transfers run (RFC 959 section 4.1.2, RFC 3659). */

/** `ascii` converts line ends on the wire; `image` moves bytes. */
export type TransferType = "ascii" | "image";

/** `stream` moves the bytes (MODE S); `deflate` a zlib stream of them (MODE Z). */
export type TransferMode = "stream" | "deflate";

/** What zlib takes for a good compromise. */
export const DEFAULT_DEFLATE_LEVEL = 6;

/** OPTS MODE: `Z LEVEL 6`. Undefined when malformed. */
export function parseDeflateLevel(argument: string): number | undefined {
  const match = /^Z LEVEL (\d)$/iu.exec(argument.trim());
  return match === null ? undefined : Number(match[1]);
}

export type TypeArgument =
  | { readonly kind: "type"; readonly type: TransferType }
  | { readonly kind: "unsupported" }
  | { readonly kind: "malformed" };

/** TYPE: `A`, `A N`, `I` and `L 8` are served; EBCDIC, print formats and other byte sizes not. */
export function parseType(argument: string): TypeArgument {
  const words = argument.trim().toUpperCase().split(/\s+/u);
  const text = words.join(" ");
  switch (text) {
    case "A":
    case "A N":
      return { kind: "type", type: "ascii" };
    case "I":
    case "L 8":
    case "L8":
      return { kind: "type", type: "image" };
  }
  return /^(?:[AE](?: [NTC])?|L ?\d{1,3})$/u.test(text)
    ? { kind: "unsupported" }
    : { kind: "malformed" };
}

/** A non-negative whole number that JavaScript holds exactly; undefined otherwise. */
export function parseByteCount(argument: string): number | undefined {
  const text = argument.trim();
  if (!/^\d{1,16}$/u.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** ALLO: bytes, optionally with a record size that streams do not need. */
export function parseAllocation(argument: string): number | undefined {
  const match = /^(\d+)(?:\s+R\s+\d+)?$/iu.exec(argument.trim());
  return match === null ? undefined : parseByteCount(match[1] ?? "");
}

/** Permission bits in octal, `644` or `0644`; undefined for others: set-id and sticky bits too. */
export function parseMode(text: string): number | undefined {
  const match = /^0?([0-7]{3})$/u.exec(text);
  return match === null ? undefined : parseInt(match[1] ?? "0", 8);
}
