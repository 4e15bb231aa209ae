import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import * as v from "valibot";
import { w3cLogSchema } from "../../../server/contract/logging.ts";
import {
  escapeW3c,
  formatPeriodName,
  formatW3cHeader,
  formatW3cLine,
} from "../../../server/logging/w3c-format.ts";
import { openW3cLog } from "../../../server/logging/w3c-log.ts";
import { EVERY_CHARACTER } from "../../support/every-character.ts";

const noon = Date.UTC(2026, 10, 21, 12, 30, 45);

/** What a reader of the log undoes. */
const decode = (field: string): string =>
  field === "-" ? "" : decodeURIComponent(field.replaceAll("+", " "));

describe("a line", () => {
  test("holds the chosen fields in the order of the format", () => {
    const line = formatW3cLine(
      ["sc-status", "c-ip", "date", "time", "cs-method", "cs-uri-stem"],
      {
        atMs: noon,
        clientAddress: "198.51.100.7",
        method: "RETR",
        argument: "a b.txt",
        status: 226,
      },
      "host",
    );
    expect(line).toBe("2026-11-21 12:30:45 198.51.100.7 RETR a+b.txt 226\n");
  });

  test("never shows a password", () => {
    const line = formatW3cLine(
      ["cs-uri-stem"],
      { atMs: noon, method: "PASS", argument: "pw" },
      "h",
    );
    expect(line).toBe("***\n");
  });

  test("cannot be forged by what a client sends", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (argument) => {
        const line = formatW3cLine(
          ["cs-method", "cs-uri-stem", "sc-status"],
          { atMs: noon, method: "CWD", argument, status: 550 },
          "h",
        );
        // Every Unicode white space, as parsers that know more than the blank split.
        expect(line.slice(0, -1).split(/[\s\p{White_Space}]/u)).toHaveLength(3);
        expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
        expect(decode(line.split(" ")[1] ?? "")).toBe(argument);
      }),
    );
  });

  test.each([
    ["a\u00A0226", "a%C2%A0226"],
    ["a\u3000b", "a%E3%80%80b"],
    ["\uFEFF", "%EF%BB%BF"],
    ["gpj.\u202Eexe", "gpj.%E2%80%AEexe"],
    ["\u{E0041}", "%F3%A0%81%81"],
    ["#Fields:", "%23Fields:"],
    ["a#1", "a#1"],
    ["größe 文件 👍", "größe+文件+👍"],
  ])("holds %j as one column that reads as it is", (argument, written) => {
    expect(escapeW3c(argument)).toBe(written);
  });

  test("holds every character of Unicode, and gives it back", () => {
    const written = escapeW3c(EVERY_CHARACTER);
    expect(written.match(/[\s\p{White_Space}\p{Cc}\p{Cf}]/gu)).toBeNull();
    expect(decode(written) === EVERY_CHARACTER).toBe(true);
  });

  test("tells what its columns are to nobody, whatever comes first", () => {
    const record = { atMs: noon, method: "CWD", argument: "#Fields: c-ip", status: 550 };
    expect(formatW3cLine(["cs-uri-stem", "sc-status"], record, "h")).toBe("%23Fields:+c-ip 550\n");
  });

  test("tells a missing value from a dash", () => {
    expect([escapeW3c(undefined), escapeW3c(""), escapeW3c("-")]).toEqual(["-", "-", "%2D"]);
  });
});

test("the header names the fields", () => {
  expect(formatW3cHeader(["time", "date"], noon)).toBe(
    "#Software: Gangway\n#Version: 1.0\n#Date: 2026-11-21 12:30:45\n#Fields: date time\n",
  );
});

test.each([
  ["hour", "u_ex26112112.log"],
  ["day", "u_ex261121.log"],
  ["week", "u_ex261103.log"],
  ["month", "u_ex2611.log"],
] as const)("a file per %s is named as in IIS", (rollover, name) => {
  expect(formatPeriodName(rollover, noon)).toBe(name);
});

describe("the files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "w3c-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const open = (settings: v.InferInput<typeof w3cLogSchema>) =>
    openW3cLog({
      settings: v.parse(w3cLogSchema, settings),
      folder,
      computerName: "host",
      onError: (error) => {
        throw error;
      },
    });

  test("roll over with the period, each with a header", () => {
    using log = open({ rollover: "day", fields: ["date", "cs-method"] });
    log.write({ atMs: noon, method: "NOOP" });
    log.write({ atMs: noon + 86_400_000, method: "QUIT" });
    log[Symbol.dispose]();
    expect(readdirSync(folder).toSorted()).toEqual(["u_ex261121.log", "u_ex261122.log"]);
    expect(readFileSync(join(folder, "u_ex261122.log"), "utf8")).toMatch(
      /^#Software: Gangway\n[^]*#Fields: date cs-method\n2026-11-22 QUIT\n$/,
    );
  });

  test("roll over by size and go on after a restart", () => {
    const long = "x".repeat(600_000);
    for (let restart = 0; restart < 2; restart++) {
      using log = open({ rollover: "size", maxFileBytes: 1_048_576, fields: ["cs-uri-stem"] });
      for (let i = 0; i < 3; i++) log.write({ atMs: noon, method: "CWD", argument: long });
    }
    expect(readdirSync(folder)).toHaveLength(4);
  });

  test("are separate per site when the settings say so", () => {
    using log = open({ perSite: true });
    log.write({ atMs: noon, method: "NOOP", siteName: "one" });
    log.write({ atMs: noon, method: "NOOP", siteName: "two" });
    log.write({ atMs: noon, method: "ControlChannelOpened" });
    log[Symbol.dispose]();
    expect(readdirSync(folder).toSorted()).toEqual(["one", "server", "two"]);
  });

  test("hold a line as soon as the turn is over", async () => {
    using log = open({ fields: ["cs-method"] });
    log.write({ atMs: noon, method: "NOOP" });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(readFileSync(join(folder, "u_ex261121.log"), "utf8")).toContain("\nNOOP\n");
  });
});
