/**
 * From bytes of the control connection to lines: framing, Telnet (RFC 854, RFC 959 section 3.4.1)
 * and text encoding (RFC 2640). Any segmentation of the same bytes yields the same events.
 *
 * Lines end at LF; a CR before it is dropped. Input that no command can be made of (too long, not
 * UTF-8, NUL or a lone CR inside) is reported once per line, so that each gets exactly one reply.
 */
import { isUtf8 } from "node:buffer";

/** Longest command line in bytes, without its LF. Longer than any path that Linux takes. */
export const LONGEST_LINE_BYTES = 8192;

/** A line that goes on for this long is no mistake any more. */
export const LONGEST_DRAINED_BYTES = 1024 * 1024;

/** Why a line was refused. */
export type LineFault = "tooLong" | "notUtf8" | "controlCharacter";

export type LineEvent =
  | { readonly kind: "line"; readonly text: string }
  /** @see LineFault; `start` is the line as far as it was kept, byte by byte (Latin-1). */
  | { readonly kind: "refused"; readonly fault: LineFault; readonly start: string }
  /** A Telnet option was asked for; `answer` refuses it, as RFC 1123 section 4.1.2.12 demands. */
  | { readonly kind: "telnetOption"; readonly answer: Uint8Array }
  /** An over-long line does not end: close the connection. */
  | { readonly kind: "flood" };

const LF = 0x0a;
const CR = 0x0d;
const NUL = 0x00;
const IAC = 0xff;
const DATA_MARK = 0xf2;
/** Bytes below this one are no Telnet commands. */
const FIRST_TELNET_COMMAND = 0xf0;
const WILL = 0xfb;
const WONT = 0xfc;
const DO = 0xfd;
const DONT = 0xfe;

const EMPTY = Buffer.alloc(0);
const ABORT = Buffer.from("ABOR\r");

/** Shared by all readers: `next` runs to its end before another one begins. */
const scratch = Buffer.alloc(LONGEST_LINE_BYTES);

type TelnetState = "text" | "command" | "will" | "wont" | "do" | "dont";

/** Reads lines off chunks. Pull-based, so that whoever reads decides how far ahead to read. */
export class LineReader {
  #input: Buffer = EMPTY;
  #line: Buffer = EMPTY;
  #telnet: TelnetState = "text";
  /** Bytes dropped of an over-long line; undefined while the line still fits. */
  #drainedBytes: number | undefined;
  /** The line just ended at a CR; an LF right behind it belongs to it. */
  #skipLf = false;

  /** Bytes received that `next` has not turned into events yet. */
  get bufferedBytes(): number {
    return this.#input.length + this.#line.length;
  }

  /** Takes over a received chunk. */
  push(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
  }

  /** The next event, or undefined when more bytes are needed. */
  next(): LineEvent | undefined {
    const input = this.#input;
    let length = this.#line.copy(scratch);
    for (let index = 0; index < input.length; index++) {
      const byte = input[index] ?? 0;
      if (this.#telnet !== "text") {
        const literal = this.#telnet === "command" && (byte === IAC || byte < FIRST_TELNET_COMMAND);
        if (!literal) {
          const answer = this.#telnetByte(byte);
          if (answer === undefined) continue;
          this.#keep(index + 1, length);
          return { kind: "telnetOption", answer };
        }
        this.#telnet = "text";
      } else if (byte === IAC) {
        this.#telnet = "command";
        continue;
      }
      if (byte === LF && this.#skipLf) {
        this.#skipLf = false;
        continue;
      }
      this.#skipLf = false;
      if (this.#drainedBytes !== undefined) {
        if (byte === LF) this.#drainedBytes = undefined;
        else if (++this.#drainedBytes > LONGEST_DRAINED_BYTES) {
          this.#input = EMPTY;
          return { kind: "flood" };
        }
        continue;
      }
      // The Telnet Synch sends DM as urgent data, apart from its IAC: it arrives alone, or not at
      // all. No verb begins with it.
      if (length === 0 && byte === DATA_MARK) continue;
      if (byte === LF) {
        this.#keep(index + 1, 0);
        return toEvent(length > 0 && scratch[length - 1] === CR ? length - 1 : length);
      }
      if (length === LONGEST_LINE_BYTES) {
        this.#drainedBytes = 0;
        this.#keep(index + 1, 0);
        return refused("tooLong", scratch);
      }
      scratch[length++] = byte;
      // Clients that send the whole of ABOR as urgent data lose its last byte, the LF.
      if (byte === CR && isAbort(length)) {
        this.#skipLf = true;
        this.#keep(index + 1, 0);
        return { kind: "line", text: "ABOR" };
      }
    }
    this.#keep(input.length, length);
    return undefined;
  }

  #keep(consumed: number, length: number): void {
    this.#input = consumed >= this.#input.length ? EMPTY : this.#input.subarray(consumed);
    this.#line = length === 0 ? EMPTY : Buffer.from(scratch.subarray(0, length));
  }

  /** Advances the Telnet state by a byte that is not text; returns an answer when one is due. */
  #telnetByte(byte: number): Uint8Array | undefined {
    const state = this.#telnet;
    this.#telnet = "text";
    switch (state) {
      case "text":
      case "wont":
      case "dont":
        return undefined;
      case "will":
        return Uint8Array.of(IAC, DONT, byte);
      case "do":
        return Uint8Array.of(IAC, WONT, byte);
      case "command":
        if (byte === WILL) this.#telnet = "will";
        else if (byte === WONT) this.#telnet = "wont";
        else if (byte === DO) this.#telnet = "do";
        else if (byte === DONT) this.#telnet = "dont";
        return undefined;
    }
  }
}

function isAbort(length: number): boolean {
  if (length !== ABORT.length) return false;
  for (let index = 0; index < length; index++) {
    // Upper case of ASCII letters; CR stays what it is.
    const byte = scratch[index] ?? 0;
    const upper = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
    if (upper !== ABORT[index]) return false;
  }
  return true;
}

function toEvent(length: number): LineEvent {
  const bytes = scratch.subarray(0, length);
  if (bytes.includes(NUL) || bytes.includes(CR)) {
    return refused("controlCharacter", bytes);
  }
  if (!isUtf8(bytes)) return refused("notUtf8", bytes);
  return { kind: "line", text: bytes.toString("utf8") };
}

function refused(fault: LineFault, kept: Buffer): LineEvent {
  return { kind: "refused", fault, start: kept.toString("latin1") };
}
