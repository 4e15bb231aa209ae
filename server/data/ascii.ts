/**
 * Type A (RFC 959, 3.1.1.1): on the wire a line ends in CRLF, on this system's disk in LF.
 *
 * The rule, one for each direction, without looking at what a byte might have been meant for:
 *
 *     disk → wire   every LF becomes CRLF; everything else, CR included, stays as it is
 *     wire → disk   every CRLF becomes LF; every other CR and LF stays as it is
 *
 * So whatever is on disk comes back the same when it is sent and stored again: a CR on disk is a
 * character of the file and no part of a line end, and CR LF on disk is CR CR LF on the wire. Servers
 * that let an LF pass which happens to follow a CR (vsftpd, ProFTPD) lose that CR on the way back.
 * Both directions are exact whatever the borders of chunks.
 */

const LF = 0x0a;
const CR = 0x0d;

/** Converts what passes, chunk by chunk. */
export interface Converter {
  convert(chunk: Uint8Array): Uint8Array;
  /** What was held back until the next byte, which will not come. */
  end(): Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** From disk to wire: every LF becomes CRLF. */
export function toWire(): Converter {
  const convert = (chunk: Uint8Array): Uint8Array => {
    const lineEnds: number[] = [];
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) lineEnds.push(at);
    if (lineEnds.length === 0) return chunk;
    const converted = Buffer.allocUnsafe(chunk.length + lineEnds.length);
    let from = 0;
    let to = 0;
    for (const at of lineEnds) {
      converted.set(chunk.subarray(from, at), to);
      to += at - from;
      converted[to++] = CR;
      from = at;
    }
    converted.set(chunk.subarray(from), to);
    return converted;
  };
  return { convert, end: () => NOTHING };
}

/** From wire to disk: every CRLF becomes LF; a CR that no LF follows is kept. */
export function fromWire(): Converter {
  let heldCr = false;
  const convert = (chunk: Uint8Array): Uint8Array => {
    if (chunk.length === 0) return NOTHING;
    const converted = Buffer.allocUnsafe(chunk.length + 1);
    let to = 0;
    if (heldCr && chunk[0] !== LF) converted[to++] = CR;
    heldCr = chunk.at(-1) === CR;
    const end = heldCr ? chunk.length - 1 : chunk.length;
    let from = 0;
    for (let at = chunk.indexOf(CR); at !== -1 && at < end; at = chunk.indexOf(CR, at + 1)) {
      if (chunk[at + 1] !== LF) continue;
      converted.set(chunk.subarray(from, at), to);
      to += at - from;
      from = at + 1;
    }
    converted.set(chunk.subarray(from, end), to);
    return converted.subarray(0, to + end - from);
  };
  const end = (): Uint8Array => {
    const held = heldCr ? Uint8Array.of(CR) : NOTHING;
    heldCr = false;
    return held;
  };
  return { convert, end };
}
