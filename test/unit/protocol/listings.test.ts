import { describe, expect, it } from "vitest";
import {
  FACTS,
  formatFacts,
  formatFactsLine,
  formatPermissions,
  formatUnixLine,
  parseFacts,
  type ListedEntry,
} from "../../../server/protocol/listings.ts";
import { isPattern, matchesPattern, parseListArgument } from "../../../server/protocol/patterns.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const file: ListedEntry = {
  name: "a file.txt",
  kind: "file",
  sizeBytes: 1234,
  modifiedMs: NOW,
  mode: 0o640,
  unique: "1g2",
};
const folder: ListedEntry = { ...file, name: "folder", kind: "directory", mode: 0o755 };
const everything = formatPermissions(
  new Set([
    "append",
    "create",
    "delete",
    "list",
    "makeDirectory",
    "overwrite",
    "read",
    "rename",
  ] as const),
);
const readOnly = formatPermissions(new Set(["list", "read"] as const));

describe("UNIX style", () => {
  it("has the columns that clients parse", () => {
    expect(formatUnixLine(file, NOW)).toBe(
      "-rw-r----- 1 ftp ftp         1234 Nov 21 12:00 a file.txt",
    );
    expect(formatUnixLine(folder, NOW)).toMatch(/^drwxr-xr-x 1 ftp ftp +1234 Nov 21 12:00 folder$/);
  });
});

describe("facts", () => {
  it("says all facts of a file and of a folder", () => {
    const all = new Set(FACTS);
    expect(formatFactsLine(file, all, everything)).toBe(
      "type=file;size=1234;modify=20261121120000;perm=adfrw;unique=1g2;UNIX.mode=0640; a file.txt",
    );
    expect(formatFactsLine(folder, all, everything)).toBe(
      "type=dir;modify=20261121120000;perm=cdeflmp;unique=1g2;UNIX.mode=0755; folder",
    );
  });

  it("grants in perm only what the account may do", () => {
    const perm = new Set(["perm"] as const);
    expect(formatFactsLine(file, perm, readOnly)).toBe("perm=r; a file.txt");
    expect(formatFactsLine(folder, perm, readOnly)).toBe("perm=el; folder");
  });

  it("writes an empty list of facts as RFC 3659 does: a space and the name", () => {
    expect(formatFactsLine(file, new Set(), everything)).toBe(" a file.txt");
  });

  it("reads OPTS MLST in any case and leaves out unknown names", () => {
    const chosen = parseFacts("Size;TYPE;nonsense;");
    expect(formatFacts(chosen, "none")).toBe("type;size;");
    expect(formatFacts(chosen, "selected")).toBe("type*;size*;modify;perm;unique;UNIX.mode;");
    expect(formatFacts(parseFacts(""), "none")).toBe("");
  });
});

describe("arguments of LIST", () => {
  it.each([
    [undefined, "", undefined],
    ["-la", "la", undefined],
    ["-a folder", "a", "folder"],
    ["-l -a with space", "la", "with space"],
    ["-dash.txt", "", "-dash.txt"],
    ["-al  two", "al", " two"],
    ["folder -l", "", "folder -l"],
  ])("%j", (argument, options, path) => {
    const parsed = parseListArgument(argument);
    expect([...parsed.options].join("")).toBe(options);
    expect(parsed.path).toBe(path);
  });
});

describe("patterns", () => {
  it.each([
    ["*.txt", "a.txt", true],
    ["*.txt", ".txt", false],
    ["*", ".hidden", false],
    [".*", ".hidden", true],
    ["?.txt", "ü.txt", true],
    ["?.txt", "😀.txt", true],
    ["[a-c]x", "bx", true],
    ["[!a-c]x", "bx", false],
    ["[^a-c]x", "dx", true],
    ["[]a]x", "]x", true],
    ["a[", "a[", true],
    ["a*b*c", "aXbYc", true],
    ["a*b*c", "aXbY", false],
    ["[*]", "*", true],
    ["[*]", "x", false],
    ["A.TXT", "a.txt", false],
    ["", "", true],
  ])("%s against %s: %s", (pattern, name, expected) => {
    expect(matchesPattern(pattern, name)).toBe(expected);
  });

  it("does not explode on patterns made to", () => {
    expect(matchesPattern(`${"*a".repeat(100)}b`, "a".repeat(255))).toBe(false);
  });

  it("knows which names are patterns", () => {
    expect(["a", "a*", "a?", "a[b]"].map(isPattern)).toEqual([false, true, true, true]);
  });
});
