import { describe, expect, it } from "vitest";
import {
  formatHashes,
  parseChecksumArgument,
  parseHashName,
  parseRange,
} from "../../../server/protocol/hashes.ts";

describe("hashes", () => {
  it("are known in any case", () => {
    expect(["sha-256", "Sha-512", "MD5 ", "crc32"].map(parseHashName)).toEqual([
      "SHA-256",
      "SHA-512",
      "MD5",
      "CRC32",
    ]);
    expect(["SHA256", "", "CRC-37"].map(parseHashName)).toEqual([undefined, undefined, undefined]);
  });

  it("stand in FEAT with the selected one marked", () => {
    expect(formatHashes("MD5")).toBe("SHA-256;SHA-512;SHA-1;MD5*;CRC32;");
  });
});

describe("RANG", () => {
  it.each([
    ["0 0", { kind: "range", first: 0, last: 0 }],
    ["5 1000000000000", { kind: "range", first: 5, last: 1_000_000_000_000 }],
    ["1 0", { kind: "reset" }],
    ["2 0", undefined],
    ["2 1", undefined],
    ["0", undefined],
    ["0 1 2", undefined],
    ["-1 5", undefined],
    ["0 9999999999999999", undefined],
    ["", undefined],
  ])("%j", (text, expected) => {
    expect(parseRange(text)).toEqual(expected);
  });
});

describe("XCRC", () => {
  const whole = (path: string) => ({ path, start: 0, end: undefined });

  it("takes quoted paths at their word", () => {
    expect(parseChecksumArgument('"a 1 2"')).toEqual([whole("a 1 2")]);
    expect(parseChecksumArgument('"say ""hi""" 3')).toEqual([
      { path: 'say "hi"', start: 3, end: undefined },
    ]);
    expect(parseChecksumArgument('"a" 3 10')).toEqual([{ path: "a", start: 3, end: 10 }]);
    expect(parseChecksumArgument('"a" 10 3')).toEqual([]);
  });

  it("has several meanings without quotes, the longest name first", () => {
    expect(parseChecksumArgument("a b")).toEqual([whole("a b")]);
    expect(parseChecksumArgument("a 3")).toEqual([
      whole("a 3"),
      { path: "a", start: 3, end: undefined },
    ]);
    expect(parseChecksumArgument("a 3 10")).toEqual([
      whole("a 3 10"),
      { path: "a", start: 3, end: 10 },
      { path: "a 3", start: 10, end: undefined },
    ]);
  });
});
