/**
 * Type A (RFC 959, 3.1.1.1): lines end in CRLF on the wire and in LF on disk. Both directions are
 * exact whatever the borders of chunks: what is converted depends on the bytes alone.
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

/** From disk to wire: a bare LF becomes CRLF; a CRLF in the file is left as it is. */
export function toWire(): Converter {
  let afterCr = false;
  const convert = (chunk: Uint8Array): Uint8Array => {
    const bare: number[] = [];
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) {
      if (!(at === 0 ? afterCr : chunk[at - 1] === CR)) bare.push(at);
    }
    if (chunk.length > 0) afterCr = chunk.at(-1) === CR;
    if (bare.length === 0) return chunk;
    const converted = Buffer.allocUnsafe(chunk.length + bare.length);
    let from = 0;
    let to = 0;
    for (const at of bare) {
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

/** From wire to disk: CRLF becomes LF; a CR that no LF follows is kept. */
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
