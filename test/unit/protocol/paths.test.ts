import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  joinPath,
  nameOf,
  parentOf,
  prefixPath,
  quotePath,
  resolvePath,
} from "../../../server/protocol/paths.ts";

const resolved = (folder: string, argument: string): string | undefined => {
  const result = resolvePath(folder, argument);
  return result.ok ? result.path : undefined;
};

describe("resolvePath", () => {
  it.each([
    ["/", "a", "/a"],
    ["/a", "b", "/a/b"],
    ["/a", "/b", "/b"],
    ["/a/b", "..", "/a"],
    ["/a", "../../../..", "/"],
    ["/a", "../../etc/passwd", "/etc/passwd"],
    ["/", "//a///b//", "/a/b"],
    ["/a", ".", "/a"],
    ["/a", "./b/./c", "/a/b/c"],
    ["/a", "b/../../c", "/c"],
    ["/a", "...", "/a/..."],
    ["/a", "..\\..\\x", "/a/..\\..\\x"],
    ["/a", " b ", "/a/ b "],
    ["/a", "-l", "/a/-l"],
    ["/a", "~root", "/a/~root"],
    ["/a", "%2e%2e/x", "/a/%2e%2e/x"],
  ])("from %s, %s leads to %s", (folder, argument, expected) => {
    expect(resolved(folder, argument)).toBe(expected);
  });

  it.each([
    ["", "empty"],
    ["a\0b", "controlCharacter"],
    ["a\nb", "controlCharacter"],
    ["a\rb", "controlCharacter"],
    ["x".repeat(256), "tooLong"],
    ["ü".repeat(128), "tooLong"],
    [`${"x".repeat(200)}/`.repeat(21), "tooLong"],
  ])("refuses %j", (argument, fault) => {
    expect(resolvePath("/", argument)).toEqual({ ok: false, fault });
  });

  it("takes names of 255 bytes", () => {
    expect(resolved("/", "x".repeat(255))).toBe(`/${"x".repeat(255)}`);
  });

  it("never leaves the root and is idempotent, whatever the segments", () => {
    const segment = fc.oneof(
      fc.constantFrom("..", ".", "", "a", "b", "..a", "...", "\\", "..\\"),
      fc.string({ maxLength: 6 }),
    );
    const path = fc.array(segment, { maxLength: 12 }).map((segments) => segments.join("/"));
    fc.assert(
      fc.property(path, path, (first, second) => {
        const folder = resolved("/", `/${first}`) ?? "/";
        const result = resolved(folder, second);
        if (result === undefined) return;
        expect(result.startsWith("/")).toBe(true);
        expect(result.split("/").some((each) => each === ".." || each === ".")).toBe(false);
        expect(result === "/" || !result.endsWith("/")).toBe(true);
        expect(resolved("/elsewhere", result)).toBe(result);
      }),
    );
  });
});

describe("parts of paths", () => {
  it("knows parents and names", () => {
    expect([parentOf("/"), parentOf("/a"), parentOf("/a/b")]).toEqual(["/", "/", "/a"]);
    expect([nameOf("/"), nameOf("/a"), nameOf("/a/b")]).toEqual(["", "a", "b"]);
    expect([joinPath("/", "a"), joinPath("/a", "b")]).toEqual(["/a", "/a/b"]);
  });

  it("puts paths below a home", () => {
    expect(prefixPath("/", "/a")).toBe("/a");
    expect(prefixPath("/h", "/")).toBe("/h");
    expect(prefixPath("/h", "/a/b")).toBe("/h/a/b");
  });

  it("doubles quotes", () => {
    expect(quotePath('/a "b"')).toBe('"/a ""b"""');
  });
});
