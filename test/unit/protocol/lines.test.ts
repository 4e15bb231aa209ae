import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  LineReader,
  LONGEST_DRAINED_BYTES,
  LONGEST_LINE_BYTES,
  type LineEvent,
} from "../../../server/protocol/lines.ts";

function readAll(chunks: readonly Buffer[]): LineEvent[] {
  const reader = new LineReader();
  const events: LineEvent[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event !== undefined; event = reader.next()) events.push(event);
  }
  return events;
}

const bytes = (...parts: readonly (string | number)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))),
  );

const line = (text: string): LineEvent => ({ kind: "line", text });

describe("line reader", () => {
  it("ends lines at CRLF and at LF", () => {
    expect(readAll([bytes("NOOP\r\nPWD\nTYPE I\r\n")])).toEqual([
      line("NOOP"),
      line("PWD"),
      line("TYPE I"),
    ]);
  });

  it("yields the same events however the bytes are cut", () => {
    const part = fc.oneof(
      fc.constantFrom("NOOP", "RETR a b", "\r", "\n", "\r\n", "ABOR\r\n", "ABOR\r", "\0", "ü€😀"),
      fc.constantFrom(0xff, 0xf4, 0xf2, 0xfb, 0xfd, 0xfe, 0x03, 0xc3, 0x80),
      fc.string({ maxLength: 8 }),
      fc.constant("x".repeat(LONGEST_LINE_BYTES - 3)),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 12 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        (parts, cuts) => {
          const whole = bytes(...parts);
          const ends = [...cuts.map((cut) => Math.min(cut, whole.length)), whole.length].toSorted(
            (a, b) => a - b,
          );
          const pieces = ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
          expect(readAll(pieces)).toEqual(readAll([whole]));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("reads commands that arrive byte by byte", () => {
    const whole = bytes("USER ü\r\nPASS x\r\n");
    expect(readAll([...whole].map((byte) => Buffer.of(byte)))).toEqual([
      line("USER ü"),
      line("PASS x"),
    ]);
  });

  it("takes a line of the longest length and refuses one byte more, once", () => {
    const longest = "x".repeat(LONGEST_LINE_BYTES - 1);
    expect(readAll([bytes(longest, "\r\n")])).toEqual([line(longest)]);
    expect(readAll([bytes(longest, "xx", "y".repeat(10_000), "\r\nNOOP\r\n")])).toEqual([
      { kind: "refused", fault: "tooLong", start: "x".repeat(LONGEST_LINE_BYTES) },
      line("NOOP"),
    ]);
  });

  it("refuses a line that is too long before it ends", () => {
    expect(readAll([bytes("x".repeat(LONGEST_LINE_BYTES + 1))])).toEqual([
      { kind: "refused", fault: "tooLong", start: "x".repeat(LONGEST_LINE_BYTES) },
    ]);
  });

  it("gives up on a line without end", () => {
    const reader = new LineReader();
    const events: LineEvent[] = [];
    for (let sent = 0; sent < LONGEST_DRAINED_BYTES * 2; sent += 65_536) {
      reader.push(Buffer.alloc(65_536, "x"));
      for (let event = reader.next(); event !== undefined; event = reader.next())
        events.push(event);
    }
    expect(events.map(({ kind }) => kind).slice(0, 2)).toEqual(["refused", "flood"]);
    expect(reader.bufferedBytes).toBeLessThanOrEqual(LONGEST_LINE_BYTES);
  });

  it.each([
    ["NUL", bytes("DELE a", 0, "b\r\n"), "controlCharacter"],
    ["a lone CR", bytes("DELE a\rDELE b\r\n"), "controlCharacter"],
    ["bytes that are not UTF-8", bytes("DELE ", 0xc3, 0x28, "\r\n"), "notUtf8"],
  ])("refuses a line with %s as a whole", (_what, input, fault) => {
    const start = expect.stringMatching(/^DELE /u) as string;
    expect(readAll([input, bytes("NOOP\r\n")])).toEqual([
      { kind: "refused", fault, start },
      line("NOOP"),
    ]);
  });

  describe("Telnet", () => {
    it.each([
      ["IAC IP IAC DM before ABOR", bytes(0xff, 0xf4, 0xff, 0xf2, "ABOR\r\n")],
      ["a Synch whose DM was sent apart", bytes(0xff, 0xf4, 0xf2, "ABOR\r\n")],
      ["a Synch whose DM was lost", bytes(0xff, 0xf4, 0xff, "ABOR\r\n")],
      ["ABOR whose LF was lost as urgent data", bytes("ABOR\r")],
      ["abor in lower case, LF lost", bytes("abor\r")],
    ])("hears %s", (_what, input) => {
      expect(readAll([input])).toEqual([line("ABOR")]);
    });

    it("takes ABOR with its LF for one command", () => {
      expect(readAll([bytes("ABOR\r"), bytes("\nNOOP\r\n")])).toEqual([line("ABOR"), line("NOOP")]);
      expect(readAll([bytes("ABOR\rNOOP\r\n")])).toEqual([line("ABOR"), line("NOOP")]);
    });

    it("refuses every option that is offered or asked for", () => {
      expect(readAll([bytes(0xff, 0xfd, 0x01, 0xff, 0xfb, 0x03, "NOOP\r\n")])).toEqual([
        { kind: "telnetOption", answer: Uint8Array.of(0xff, 0xfc, 0x01) },
        { kind: "telnetOption", answer: Uint8Array.of(0xff, 0xfe, 0x03) },
        line("NOOP"),
      ]);
    });

    it("does not answer refusals, or two servers could answer each other for ever", () => {
      expect(readAll([bytes(0xff, 0xfc, 0x01, 0xff, 0xfe, 0x03, "NOOP\r\n")])).toEqual([
        line("NOOP"),
      ]);
    });
  });
});
