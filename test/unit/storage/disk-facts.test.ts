import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DiskPace } from "../../../server/data/disk-pace.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";
import { entryOf, FactReader } from "../../../server/storage/disk-facts.ts";

let folder: string;
const plain = Array.from({ length: 200 }, (_, index) => `f${String(index)}`);

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "facts-"));
  for (const name of plain) fs.writeFileSync(join(folder, name), name);
  fs.mkdirSync(join(folder, "folder"));
  fs.symlinkSync("f1", join(folder, "link"));
  fs.symlinkSync("nowhere", join(folder, "dangling"));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Whatever the machine does meanwhile. */
const fastPace = (): DiskPace => new DiskPace(() => 0);

/** As the disk found it to be slow a moment ago. */
function slowPace(): DiskPace {
  let nowMs = 0;
  const pace = new DiskPace(() => nowMs);
  pace.measure(() => (nowMs += 1000));
  return pace;
}

const follow = (path: string): Promise<fs.Stats | undefined> =>
  fs.promises.stat(path).catch(() => undefined);

describe.each([
  ["by a descriptor", fastPace, true],
  ["by paths", fastPace, false],
  ["in the thread pool", slowPace, true],
])("facts of a folder's entries, %s", (way, openPace, isNative) => {
  test.runIf(systemCalls() !== undefined || way !== "by a descriptor")(
    "are those of each alone, links followed, and what is gone left out",
    async () => {
      using reader = new FactReader(openPace(), follow, folder, isNative);
      let asked = 0;
      const findFolder = (): string => (asked++, folder);
      const entries = await reader.read(findFolder, [...plain, "gone", "folder"]);
      const names = [...plain, "folder"];
      const alone = names.map((name) => entryOf(name, fs.statSync(join(folder, name))));
      expect(entries.map(({ name, unique, ...rest }) => ({ name, unique, ...rest }))).toEqual(
        alone,
      );
      // What is gone is asked for once more by its path.
      expect(asked).toBe(1);
      const links = await reader.read(findFolder, ["link", "dangling"]);
      expect(links).toMatchObject([{ name: "link", kind: "file", sizeBytes: 2 }]);
    },
  );
});

test("are asked for by paths when the folder cannot be opened", async () => {
  using reader = new FactReader(fastPace(), follow, join(folder, "gone"));
  expect(await reader.read(() => folder, plain)).toHaveLength(plain.length);
});

test.runIf(systemCalls())("need no path where nothing is gone", async () => {
  using reader = new FactReader(fastPace(), follow, folder);
  const findFolder = (): string => {
    throw new Error("asked for its path");
  };
  expect(await reader.read(findFolder, plain)).toHaveLength(plain.length);
});
