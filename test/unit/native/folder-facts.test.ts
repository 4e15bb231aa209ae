import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemCalls } from "../../../server/native/system-calls.ts";

const calls = systemCalls();

/** Undefined when it has gone meanwhile. */
const nodes = (path: string): unknown => {
  const stats = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const { mode, size, mtimeMs, dev, ino } = stats;
  return { mode, size, mtimeMs, dev, ino };
};

describe.runIf(calls)("facts of a folder's entries", () => {
  // Devices, links, folders that other file systems are mounted on.
  test.each(["/", "/dev", "/etc"])("of %s are those that Node tells", (folder) => {
    const descriptor = fs.openSync(folder, fs.constants.O_DIRECTORY);
    const names = fs.readdirSync(folder);
    let compared = 0;
    for (const name of names) {
      const before = nodes(join(folder, name));
      const found = calls?.factsInFolder(descriptor, name);
      // Others write here, too.
      if (JSON.stringify(nodes(join(folder, name))) !== JSON.stringify(before)) continue;
      expect(found).toEqual(before);
      compared++;
    }
    fs.closeSync(descriptor);
    expect(compared).toBeGreaterThan(names.length / 2);
  });

  test("are absent where nothing is, and of a descriptor that is no folder", () => {
    const folder = fs.openSync(tmpdir(), fs.constants.O_DIRECTORY);
    const file = fs.openSync(import.meta.filename, "r");
    expect(calls?.factsInFolder(folder, "surely-not-there")).toBeUndefined();
    expect(calls?.factsInFolder(file, "surely-not-there")).toBeUndefined();
    fs.closeSync(folder);
    fs.closeSync(file);
    expect(calls?.factsInFolder(-1, "surely-not-there")).toBeUndefined();
  });
});
