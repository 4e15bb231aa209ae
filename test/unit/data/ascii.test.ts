import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromWire, toWire, type Converter } from "../../../server/data/ascii.ts";

/** Text of the bytes that matter, and one that does not. */
const text = fc.string({ unit: fc.constantFrom("\r", "\n", "a"), maxLength: 40 });
const cuts = fc.array(fc.nat(40), { maxLength: 6 });

/** Converts `input` cut into chunks at `at`. */
function convert(converter: Converter, input: string, at: readonly number[]): string {
  const borders = [0, ...at.filter((cut) => cut < input.length).toSorted((a, b) => a - b)];
  const chunks = borders.map((from, index) => input.slice(from, borders[index + 1]));
  const converted = chunks.map((chunk) => Buffer.from(converter.convert(Buffer.from(chunk))));
  return Buffer.concat([...converted, converter.end()]).toString();
}

test("sending makes every LF a CRLF and leaves every CR alone, wherever chunks end", () => {
  fc.assert(
    fc.property(text, cuts, (input, at) => {
      expect(convert(toWire(), input, at)).toBe(input.replaceAll("\n", "\r\n"));
    }),
    { numRuns: 1000 },
  );
});

test("receiving makes every CRLF an LF and keeps every other CR, wherever chunks end", () => {
  fc.assert(
    fc.property(text, cuts, (input, at) => {
      expect(convert(fromWire(), input, at)).toBe(input.replaceAll("\r\n", "\n"));
    }),
    { numRuns: 1000 },
  );
});

test("any file survives the way out and back", () => {
  fc.assert(
    fc.property(text, cuts, cuts, (input, out, back) => {
      expect(convert(fromWire(), convert(toWire(), input, out), back)).toBe(input);
    }),
    { numRuns: 1000, examples: [["a\r\nb", [2], [3]]] },
  );
});

describe("bytes of any value", () => {
  test.each([
    ["sending", toWire],
    ["receiving", fromWire],
  ])("%s changes none but line ends", (_, open) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (input) => {
        const clean = input.filter((byte) => byte !== 10 && byte !== 13);
        const converter = open();
        expect(Buffer.concat([converter.convert(clean), converter.end()])).toEqual(
          Buffer.from(clean),
        );
      }),
    );
  });
});
