import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DiskPace } from "../../../server/data/disk-pace.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";
import type { DiskPlace } from "../../../server/storage/disk-paths.ts";
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

/** The folder as a place. `findFolder` tells where it is, whenever that is looked for. */
const placeAt = (path: string, findFolder: () => string): DiskPlace => ({
  get folder() {
    return findFolder();
  },
  name: "",
  path,
  realPath: folder,
  [Symbol.dispose]: () => undefined,
});

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
      let asked = 0;
      const findFolder = (): string => (asked++, folder);
      const place = placeAt(folder, findFolder);
      using reader = new FactReader(openPace(), follow, place, isNative);
      const entries = await reader.read([...plain, "gone", "folder"]);
      const names = [...plain, "folder"];
      const alone = names.map((name) => entryOf(name, fs.statSync(join(folder, name))));
      expect(entries.map(({ name, unique, ...rest }) => ({ name, unique, ...rest }))).toEqual(
        alone,
      );
      // What is gone is asked for once more by its path.
      expect(asked).toBe(1);
      const links = await reader.read(["link", "dangling"]);
      expect(links).toMatchObject([{ name: "link", kind: "file", sizeBytes: 2 }]);
    },
  );
});

test("are asked for by paths when the folder cannot be opened", async () => {
  const place = placeAt(join(folder, "gone"), () => folder);
  using reader = new FactReader(fastPace(), follow, place);
  expect(await reader.read(plain)).toHaveLength(plain.length);
});

test.runIf(systemCalls())("need no path where nothing is gone", async () => {
  const findFolder = (): string => {
    throw new Error("asked for its path");
  };
  using reader = new FactReader(fastPace(), follow, placeAt(folder, findFolder));
  expect(await reader.read(plain)).toHaveLength(plain.length);
});
