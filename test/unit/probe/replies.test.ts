import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  parseExtendedPassiveReply,
  parsePassiveReply,
  ReplyReader,
  replyText,
} from "../../../probe/replies.ts";
import { ProbeFault } from "../../../probe/symptoms.ts";

const read = (text: string) => new ReplyReader().push(text);
const reply = (code: number, text: string) => ({ code, lines: [text] });

describe("replies", () => {
  it("reads single lines, also without text", () => {
    expect(read("220 Hello\r\n200\r\n")).toEqual([reply(220, "Hello"), reply(200, "")]);
  });

  it("ends a multi-line reply only at its own code followed by a space", () => {
    const [features, next] = read(
      "211-Features\r\n EPSV\r\n211-MLST\r\n220 not yet\r\n211 End\r\n200 Ok\r\n",
    );
    expect(features).toEqual({
      code: 211,
      lines: ["Features", " EPSV", "MLST", "220 not yet", "End"],
    });
    expect(next?.code).toBe(200);
  });

  it("gives the same replies however the bytes are cut", () => {
    const text =
      "220-Welcome\r\n to it\r\n220 Ready\r\n331 Password\r\n227 Passive (1,2,3,4,5,6)\r\n";
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: text.length - 1 })), (cuts) => {
        const reader = new ReplyReader();
        const edges = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const replies = edges
          .slice(1)
          .flatMap((end, index) => reader.push(text.slice(edges[index], end)));
        expect(replies).toEqual(read(text));
        expect(reader.isEmpty).toBe(true);
      }),
    );
  });

  it.each(["SSH-2.0-OpenSSH_9.6\r\n", "22 short\r\n", "600 no class\r\n", "220x\r\n", "\r\n"])(
    "refuses %j, which is no FTP",
    (text) => {
      expect(() => read(text)).toThrow(ProbeFault);
    },
  );

  it("bounds lines and replies", () => {
    expect(() => read("2".repeat(20_000))).toThrow(ProbeFault);
    expect(() => read(`220-a\r\n${"b\r\n".repeat(5000)}`)).toThrow(ProbeFault);
  });
});

describe("replies to PASV and EPSV", () => {
  it("reads address and port, with and without parentheses", () => {
    const expected = { address: "203.0.113.7", port: 195 * 256 + 80 };
    expect(parsePassiveReply(reply(227, "Entering (203,0,113,7,195,80)."))).toEqual(expected);
    expect(parsePassiveReply(reply(227, "=203,0,113,7,195,80"))).toEqual(expected);
  });

  it.each(["no numbers", "(1,2,3,4,5)", "(1,2,3,4,5,256)", "(1,2,3,4,5,6,7)"])(
    "refuses %j",
    (text) => {
      expect(() => parsePassiveReply(reply(227, text))).toThrow(ProbeFault);
    },
  );

  it("reads the port of EPSV with any delimiter", () => {
    expect(parseExtendedPassiveReply(reply(229, "Extended (|||50001|)"))).toBe(50001);
    expect(parseExtendedPassiveReply(reply(229, "Extended (!!!6!)"))).toBe(6);
  });

  it.each(["(|||0|)", "(|||70000|)", "(||1|)", "(|1|127.0.0.1|50001|)"])("refuses %j", (text) => {
    expect(() => parseExtendedPassiveReply(reply(229, text))).toThrow(ProbeFault);
  });

  it("joins the lines of a reply for people", () => {
    expect(replyText({ code: 230, lines: ["Hello", "In"] })).toBe("Hello In");
  });
});
