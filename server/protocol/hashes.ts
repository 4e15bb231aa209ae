/** Names of hashes, and the arguments of the checksum commands (draft-bryan-ftpext-hash). */

/** By IANA's registry of hash function names, in the order of FEAT; CRC32 is in no registry. */
export const HASHES = ["SHA-256", "SHA-512", "SHA-1", "MD5", "CRC32"] as const;
export type HashName = (typeof HASHES)[number];

/** The default: SHA-1 and MD5 prove nothing against somebody who wants to deceive. */
export const DEFAULT_HASH: HashName = "SHA-256";

/** In any case of letters; undefined when unknown. */
export function parseHashName(text: string): HashName | undefined {
  const name = text.trim().toUpperCase();
  return HASHES.find((hash) => hash === name);
}

/** The form of FEAT: `SHA-256*;SHA-512;…`. */
export function formatHashes(selected: HashName): string {
  return HASHES.map((hash) => `${hash}${hash === selected ? "*" : ""};`).join("");
}

/** RANG: both ends inclusive, counted from 0; `1 0` takes a range back. */
export type RangeArgument =
  | { readonly kind: "range"; readonly first: number; readonly last: number }
  | { readonly kind: "reset" };

/** Undefined when malformed, or when the range ends before it begins. */
export function parseRange(text: string): RangeArgument | undefined {
  const match = /^(\d{1,16}) (\d{1,16})$/u.exec(text);
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  if (first === 1 && last === 0) return { kind: "reset" };
  return first <= last && Number.isSafeInteger(last) ? { kind: "range", first, last } : undefined;
}

/** What an argument of XCRC and its kin may mean. */
export interface ChecksumArgument {
  readonly path: string;
  /** First byte. */
  readonly start: number;
  /** Byte after the last one; undefined: the end of the file. */
  readonly end: number | undefined;
}

/**
 * `path [start [end]]`, in which a path in quotes ends where they do. Without quotes the numbers
 * may belong to the name: then every meaning is returned, the longest name first. Empty when
 * malformed.
 */
export function parseChecksumArgument(text: string): readonly ChecksumArgument[] {
  const quoted = /^"((?:[^"]|"")+)"(?: (\d{1,15})(?: (\d{1,15}))?)?$/su.exec(text);
  const meanings =
    quoted === null
      ? [
          toArgument(text, undefined, undefined),
          ...matched(/^(.+) (\d{1,15}) (\d{1,15})$/su.exec(text)),
          ...matched(/^(.+) (\d{1,15})$/su.exec(text)),
        ]
      : matched(quoted, (path) => path.replaceAll('""', '"'));
  return meanings.filter(({ start, end }) => end === undefined || start <= end);
}

function matched(
  match: RegExpExecArray | null,
  unquote = (path: string): string => path,
): readonly ChecksumArgument[] {
  return match === null ? [] : [toArgument(unquote(match[1] ?? ""), match[2], match[3])];
}

function toArgument(
  path: string,
  start: string | undefined,
  end: string | undefined,
): ChecksumArgument {
  return { path, start: Number(start ?? 0), end: end === undefined ? undefined : Number(end) };
}
