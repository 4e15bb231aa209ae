import { describe, expect, it } from "vitest";
import { parseFactChanges } from "../../../server/protocol/fact-changes.ts";

describe("facts to change", () => {
  it("reads them in any case and order", () => {
    const modifiedMs = Date.UTC(2024, 1, 29, 12);
    expect(parseFactChanges("modify=20240229120000;")).toEqual({
      kind: "changes",
      changes: { modifiedMs },
    });
    expect(parseFactChanges("UNIX.MODE=0640;Modify=20240229120000;")).toEqual({
      kind: "changes",
      changes: { modifiedMs, mode: 0o640 },
    });
  });

  it("names the one that cannot be changed", () => {
    expect(parseFactChanges("Modify=20240229120000;Size=5;")).toEqual({
      kind: "unchangeable",
      fact: "Size",
    });
  });

  it.each([
    "",
    ";",
    "Modify",
    "Modify=20240229120000",
    "Modify=;",
    "Modify=20230229120000;",
    "Modify=20240229120000;Modify=20240229120000;",
    "UNIX.mode=4755;",
    "UNIX.mode=9;",
    "Modify=2024=5;",
  ])("refuses %j", (text) => {
    expect(parseFactChanges(text)).toEqual({ kind: "malformed" });
  });
});
