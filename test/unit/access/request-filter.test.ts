import fc from "fast-check";
import type * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseWith } from "#contract";
import { requestFilteringSchema } from "../../../server/contract/access.ts";
import { planRequestFilter } from "../../../server/access/request-filter.ts";

const filterOf = (settings: v.InferInput<typeof requestFilteringSchema>) =>
  planRequestFilter(parseWith(requestFilteringSchema, settings));

/** The same letters in any case. */
const spelled = (text: string) =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) =>
      [...text].map((c, i) => (upper[i] === true ? c.toUpperCase() : c.toLowerCase())).join(""),
    );
const folder = fc
  .array(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 3 })
  .map((segments) => segments.map((segment) => `/${segment}`).join(""));

describe("request filter", () => {
  it("lets everything pass by default", () => {
    const filter = filterOf({});
    fc.assert(
      fc.property(fc.stringMatching(/^(?:\/[^/\u0000-\u001f]{1,20}){1,5}$/u), (path) => {
        expect(filter.checkPath(path, "file")).toBeUndefined();
      }),
    );
    expect(filter.checkCommand("DELE", "x")).toBeUndefined();
  });

  it("conceals a hidden segment at any depth, in any case, and nothing that only resembles it", () => {
    const filter = filterOf({ hiddenSegments: ["_private"] });
    fc.assert(
      fc.property(folder, spelled("_private"), folder, (above, name, below) => {
        expect(filter.checkPath(`${above}/${name}${below}`, "directory")?.kind).toBe(
          "hiddenSegment",
        );
        expect(filter.hides(name)).toBe(true);
        expect(filter.checkPath(`${above}/${name}x${below}`, "file")).toBeUndefined();
      }),
    );
  });

  it("sees through the dots and blanks that Windows drops at the end of a name", () => {
    const denying = filterOf({
      hiddenSegments: ["_private"],
      fileExtensions: { mode: "deny", extensions: [".exe"] },
    });
    const allowing = filterOf({ fileExtensions: { mode: "allow", extensions: [".txt", "."] } });
    fc.assert(
      fc.property(folder, fc.stringMatching(/^[. ]{1,5}$/), (above, tail) => {
        expect(denying.checkPath(`${above}/a.exe${tail}`, "file")?.kind).toBe("fileExtension");
        expect(denying.checkPath(`${above}/a.txt${tail}`, "file")).toBeUndefined();
        expect(denying.hides(`_private${tail}`)).toBe(true);
        expect(allowing.checkPath(`${above}/a.exe${tail}`, "file")?.kind).toBe("fileExtension");
      }),
    );
  });

  it("sees through both normal forms of a name", () => {
    const filter = filterOf({ hiddenSegments: ["Büro"] });
    expect(filter.hides("Büro".normalize("NFD"))).toBe(true);
    expect(filter.hides("büro".normalize("NFC"))).toBe(true);
    expect(filter.hides("buro")).toBe(false);
  });

  it("denies listed extensions of files, whole ones, in any case", () => {
    const filter = filterOf({ fileExtensions: { extensions: [".exe", ".tar.gz", "."] } });
    const kinds = (path: string) => filter.checkPath(path, "file")?.kind;
    fc.assert(
      fc.property(folder, spelled(".exe"), (above, extension) => {
        expect(kinds(`${above}/a.b${extension}`)).toBe("fileExtension");
        expect(filter.checkPath(`${above}/a${extension}`, "unknown")?.kind).toBe("fileExtension");
        expect(filter.checkPath(`${above}/a${extension}`, "directory")).toBeUndefined();
      }),
    );
    expect(["/a.tar.gz", "/README", "/a."].map(kinds)).toEqual(Array(3).fill("fileExtension"));
    expect(["/a.gz", "/a.exe.txt", "/exe.d/a.txt", "/aexe.t", "/"].map(kinds)).toEqual(
      Array(5).fill(undefined),
    );
  });

  it("allows nothing but listed extensions when the list is an allow-list", () => {
    const filter = filterOf({ fileExtensions: { mode: "allow", extensions: [".csv"] } });
    expect(filter.checkPath("/a/b.CSV", "file")).toBeUndefined();
    expect(filter.checkPath("/a/b.csv.exe", "file")?.text).toBe(
      "requestFiltering.fileExtensions does not allow b.csv.exe",
    );
    expect(filter.checkPath("/a/csv", "file")?.kind).toBe("fileExtension");
    expect(filter.checkPath("/a/csv", "directory")).toBeUndefined();
    expect(filter.checkPath("/", "file")).toBeUndefined();
  });

  it("denies sequences, long paths and characters beyond ASCII", () => {
    const filter = filterOf({
      deniedUrlSequences: ["~", "old/"],
      maximumPathBytes: 10,
      highBitCharacters: "deny",
    });
    expect(filter.checkPath("/a~b", "file")?.kind).toBe("deniedSequence");
    expect(filter.checkPath("/OLD/b", "file")?.kind).toBe("deniedSequence");
    expect(filter.checkPath("/123456789", "file")).toBeUndefined();
    expect(filter.checkPath("/1234567890", "file")?.kind).toBe("pathTooLong");
    expect(filter.checkPath("/é", "file")?.kind).toBe("highBitCharacter");
    expect(filterOf({ maximumPathBytes: 10 }).checkPath("/ééééé", "file")?.kind).toBe(
      "pathTooLong",
    );
  });

  it("denies commands with their older names, in any case, and words after them", () => {
    const filter = filterOf({ commands: { names: ["MKD", "site chmod", "XRMD"] } });
    const denies = (verb: string, argument?: string) =>
      filter.checkCommand(verb, argument) !== undefined;
    expect(["MKD", "XMKD", "mkd", "RMD", "XRMD"].map((verb) => denies(verb))).toEqual(
      Array(5).fill(true),
    );
    expect(denies("SITE", "chmod 644 a")).toBe(true);
    expect(denies("SITE", " CHMOD\t644 a")).toBe(true);
    expect(denies("SITE", "UTIME a")).toBe(false);
    expect(denies("SITE")).toBe(false);
    expect(denies("STOR", "MKD")).toBe(false);
  });

  it("allows nothing but listed commands when the list is an allow-list, and always QUIT", () => {
    const filter = filterOf({
      commands: { mode: "allow", names: ["user", "pass", "CWD", "SITE HELP"] },
    });
    const allows = (verb: string, argument?: string) =>
      filter.checkCommand(verb, argument) === undefined;
    expect(["USER", "PASS", "CWD", "XCWD", "QUIT"].map((verb) => allows(verb))).toEqual(
      Array(5).fill(true),
    );
    expect(allows("SITE", "HELP")).toBe(true);
    expect(allows("SITE", "CHMOD 644 a")).toBe(false);
    expect(allows("DELE", "CWD")).toBe(false);
  });
});
