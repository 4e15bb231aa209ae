import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWebRequest, parseCommand } from "../../../server/protocol/commands.ts";
import {
  parseAllocation,
  parseByteCount,
  parseMode,
  parseType,
} from "../../../server/protocol/parameters.ts";
import { formatReply, reply } from "../../../server/protocol/replies.ts";

/** Reads a reply as a client does: RFC 959 section 4.2. */
function readReply(text: string): { code: number; lines: string[] } {
  const lines = text.split("\r\n");
  expect(lines.pop()).toBe("");
  const [first = ""] = lines;
  const end =
    first[3] === "-" ? lines.findIndex((line) => line.startsWith(`${first.slice(0, 3)} `)) : 0;
  expect(end).toBe(lines.length - 1);
  return { code: Number(first.slice(0, 3)), lines };
}

describe("replies", () => {
  it("writes one line", () => {
    expect(formatReply(reply.ok("Fine."))).toBe("200 Fine.\r\n");
  });

  it("writes several lines", () => {
    expect(formatReply(reply.systemStatus("Features:", " UTF8", "End"))).toBe(
      "211-Features:\r\n UTF8\r\n211 End\r\n",
    );
  });

  it("is one reply to its reader, whatever the text", () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom("211 End", "211-x", "a\r\n211 b", "500 x\n"),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), ([first = "", ...rest]) => {
        const formatted = formatReply(reply.systemStatus(first, ...rest));
        expect(readReply(formatted).code).toBe(211);
      }),
    );
  });
});

describe("commands", () => {
  it.each([
    ["NOOP", "NOOP", undefined],
    ["noop", "NOOP", undefined],
    ["QUIT ", "QUIT", undefined],
    ["PWD\t", "PWD", undefined],
    ["RETR  two spaces ", "RETR", " two spaces "],
    ["PASS p w", "PASS", "p w"],
  ])("%j", (line, verb, argument) => {
    expect(parseCommand(line)).toEqual({ verb, argument });
  });

  it.each(["", " ", "123", "§", "A".repeat(17), "NO-OP", "RETR\tx"])("%j is no command", (line) => {
    expect(parseCommand(line)).toBeUndefined();
  });

  it("recognises web clients", () => {
    const requests = ["GET", "post /", "PROPFIND / HTTP/1.1", "BREW /pot HTTP/1.1", "X * RTSP/2.0"];
    expect(requests.filter((line) => !isWebRequest(line))).toEqual([]);
    const commands = ["RETR a", "DELE b", "STOR HTTP/1.1 notes.txt", "CWD nginx/1.2", "GETTY", ""];
    expect(commands.filter(isWebRequest)).toEqual([]);
  });
});

describe("parameters", () => {
  it.each([
    ["A", { kind: "type", type: "ascii" }],
    ["a n", { kind: "type", type: "ascii" }],
    ["I", { kind: "type", type: "image" }],
    ["L 8", { kind: "type", type: "image" }],
    ["L 7", { kind: "unsupported" }],
    ["E", { kind: "unsupported" }],
    ["A T", { kind: "unsupported" }],
    ["X", { kind: "malformed" }],
    ["", { kind: "malformed" }],
  ])("TYPE %s", (argument, expected) => {
    expect(parseType(argument)).toEqual(expected);
  });

  it("reads byte counts that JavaScript can hold, and no others", () => {
    expect(
      ["0", "9007199254740991", "9007199254740992", "-1", "1.5", "1e3", "", "x"].map(
        parseByteCount,
      ),
    ).toEqual([
      0,
      9007199254740991,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(["5", "5 R 80", "5 x"].map(parseAllocation)).toEqual([5, 5, undefined]);
  });

  it("reads modes without set-id bits", () => {
    expect(["644", "0755", "000"].map(parseMode)).toEqual([0o644, 0o755, 0]);
    for (const wrong of ["4755", "999", "64", "x", "", "644 "]) {
      expect(parseMode(wrong)).toBeUndefined();
    }
  });
});
