import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planMessage } from "../../../server/access/message-variables.ts";

describe("messages", () => {
  it("fill in variables in any case, once", () => {
    const message = planMessage("Hi %UserName% of %sitename%,\nyou got %BytesReceived% B (%%).");
    expect(message.render({ UserName: "ann", SiteName: "%UserName%", BytesReceived: 12 })).toEqual([
      "Hi ann of %UserName%,",
      "you got 12 B (%).",
    ]);
  });

  it("leave any text without variables as it is", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^%\u0000-\u001f]+$/u), (text) => {
        expect(planMessage(text).render({})).toEqual([text]);
      }),
    );
    expect(planMessage("100 % of 5 %").render({})).toEqual(["100 % of 5 %"]);
    expect(planMessage("").render({})).toEqual([]);
    expect(planMessage("a\n\nb\n").render({})).toEqual(["a", "", "b"]);
  });

  it("never let a value write a line or a control character", () => {
    const message = planMessage("Hi %UserName%");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        const lines = message.render({ UserName: name });
        expect(lines).toHaveLength(1);
        expect(lines[0]).not.toMatch(/[\u0000-\u001f\u007f]/u);
      }),
    );
    expect(message.render({ UserName: "a\r\n230 b" })).toEqual(["Hi a??230 b"]);
    expect(message.render({})).toEqual(["Hi -"]);
  });

  it("refuse unknown variables", () => {
    expect(() => planMessage("%UserNam% %Foo%")).toThrow(/UserNam, Foo/);
  });
});
