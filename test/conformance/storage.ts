/** The suite that every storage adapter passes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  Entry,
  Storage,
  StorageAdapter,
  StorageErrorKind,
  WriteMode,
} from "../../server/storage/storage.ts";

export interface StorageSubject extends AsyncDisposable {
  readonly storage: StorageAdapter;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export async function write(
  storage: Storage,
  path: string,
  content: string,
  mode: WriteMode = { kind: "replace" },
): Promise<string> {
  await using upload = await storage.openWrite(path, mode);
  await upload.write(bytes(content));
  return await upload.commit();
}

export async function read(storage: Storage, path: string): Promise<string> {
  await using file = await storage.openRead(path);
  const buffer = new Uint8Array(file.sizeBytes);
  let position = 0;
  while (position < buffer.length) {
    const got = await file.read(buffer.subarray(position, position + 7), position);
    if (got === 0) break;
    position += got;
  }
  return new TextDecoder().decode(buffer.subarray(0, position));
}

async function namesIn(storage: Storage, path: string): Promise<readonly string[]> {
  const batches: (readonly Entry[])[] = [];
  for await (const batch of storage.list(path)) batches.push(batch);
  return batches
    .flat()
    .map(({ name }) => name)
    .toSorted();
}

const fails = (operation: Promise<unknown>, kind: StorageErrorKind) =>
  expect(operation).rejects.toMatchObject({ name: "StorageError", kind });

export function describeStorage(name: string, open: () => Promise<StorageSubject>): void {
  describe(`${name} as storage`, () => {
    test("returns what was stored, with size and time", async () => {
      await using subject = await open();
      const { storage } = subject;
      expect(await write(storage, "/a.txt", "hello")).toBe("a.txt");
      expect(await read(storage, "/a.txt")).toBe("hello");
      const entry = await storage.entry("/a.txt");
      expect(entry).toMatchObject({ name: "a.txt", kind: "file", sizeBytes: 5 });
      expect(Math.abs(entry.modifiedMs - Date.now())).toBeLessThan(60_000);
      expect(await storage.entry("/")).toMatchObject({ name: "", kind: "directory" });
    });

    test("finds what is there, and nothing without an error", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "1");
      expect(await storage.find("/a")).toEqual(await storage.entry("/a"));
      expect(await storage.find("/b")).toBeUndefined();
    });

    test("keeps the former file until the upload is committed", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "old");
      {
        await using upload = await storage.openWrite("/a", { kind: "replace" });
        await upload.write(bytes("new and longer"));
        expect(await read(storage, "/a")).toBe("old");
        expect(await namesIn(storage, "/")).toEqual(["a"]);
      }
      expect(await read(storage, "/a")).toBe("old");
      expect(await namesIn(storage, "/")).toEqual(["a"]);
    });

    test("an upload that is abandoned leaves no trace", async () => {
      await using subject = await open();
      const { storage } = subject;
      for (const kind of ["replace", "unique"] as const) {
        await using upload = await storage.openWrite("/new", { kind });
        await upload.write(bytes("part"));
      }
      expect(await namesIn(storage, "/")).toEqual([]);
    });

    test("keeps what came of a new file that is abandoned, where asked to, and never of another", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/old", "old");
      const mode: WriteMode = { kind: "replace", keepsPartial: true };
      for (const path of ["/old", "/new", "/empty", "/taken back"]) {
        await using upload = await storage.openWrite(path, mode);
        if (path !== "/empty") await upload.write(bytes("part"));
        if (path !== "/old") expect(await storage.find(path)).toBeUndefined();
        if (path === "/taken back") await upload.rollBack?.();
      }
      expect(await namesIn(storage, "/")).toEqual(["new", "old"]);
      expect(await read(storage, "/old")).toBe("old");
      await write(storage, "/new", "ly", { kind: "resume", offset: 4 });
      expect(await read(storage, "/new")).toBe("partly");
    });

    test.each([true, false])(
      "shows a new file from its first byte on, where asked to, and keeps part of it: %s",
      async (keepsPartial) => {
        await using subject = await open();
        const { storage } = subject;
        await write(storage, "/old", "old");
        const mode: WriteMode = { kind: "replace", showsPartial: true, keepsPartial };
        for (const path of ["/old", "/new", "/taken back"]) {
          await using upload = await storage.openWrite(path, mode);
          if (path !== "/old") expect(await storage.find(path)).toBeUndefined();
          await upload.write(bytes("part"));
          expect(await read(storage, path)).toBe(path === "/old" ? "old" : "part");
          if (path === "/taken back") await upload.rollBack?.();
        }
        expect(await namesIn(storage, "/")).toEqual(keepsPartial ? ["new", "old"] : ["old"]);
        expect(await write(storage, "/whole", "content", mode)).toBe("whole");
        expect(await write(storage, "/nothing", "", mode)).toBe("nothing");
        expect(await read(storage, "/whole")).toBe("content");
        const usage = await storage.usage();
        await usage.ready();
        expect(usage.usedBytes).toBe((keepsPartial ? 4 : 0) + "old".length + "content".length);
      },
    );

    test("appends, resumes and truncates behind the restart offset", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "abc", { kind: "append" });
      await write(storage, "/a", "def", { kind: "append" });
      expect(await read(storage, "/a")).toBe("abcdef");
      await write(storage, "/a", "XY", { kind: "resume", offset: 3 });
      expect(await read(storage, "/a")).toBe("abcXY");
      await fails(storage.openWrite("/a", { kind: "resume", offset: 6 }), "offsetBeyondEnd");
      expect(await read(storage, "/a")).toBe("abcXY");
    });

    test("changes a part in the middle and leaves the rest, when asked to", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "abcdef");
      await write(storage, "/a", "XY", { kind: "resume", offset: 2, keepsRest: true });
      expect(await read(storage, "/a")).toBe("abXYef");
      await write(storage, "/a", "123", { kind: "resume", offset: 5, keepsRest: true });
      expect(await read(storage, "/a")).toBe("abXYe123");
    });

    test("keeps what an interrupted append has stored", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "abc");
      {
        await using upload = await storage.openWrite("/a", { kind: "append" });
        expect(upload.startOffset).toBe(3);
        await upload.write(bytes("de"));
      }
      expect(await read(storage, "/a")).toBe("abcde");
    });

    test.each<WriteMode>([{ kind: "append" }, { kind: "resume", offset: 3 }])(
      "changes nothing until the first byte has come: $kind",
      async (mode) => {
        await using subject = await open();
        const { storage } = subject;
        await write(storage, "/a", "abcdef");
        await using upload = await storage.openWrite("/a", mode);
        expect(await read(storage, "/a")).toBe("abcdef");
        await upload.write(new Uint8Array());
        expect(await read(storage, "/a")).toBe("abcdef");
        await upload.commit();
        expect(await read(storage, "/a")).toBe("abcdef");
      },
    );

    test("an append to nothing leaves nothing when no byte comes, and an empty file when it ends well", async () => {
      await using subject = await open();
      const { storage } = subject;
      {
        await using _upload = await storage.openWrite("/a", { kind: "append" });
        expect(await namesIn(storage, "/")).toEqual([]);
      }
      expect(await namesIn(storage, "/")).toEqual([]);
      await write(storage, "/a", "", { kind: "append" });
      expect(await read(storage, "/a")).toBe("");
    });

    test("an append to nothing keeps what came", async () => {
      await using subject = await open();
      const { storage } = subject;
      {
        await using upload = await storage.openWrite("/a", { kind: "append" });
        await upload.write(bytes("part"));
      }
      expect(await read(storage, "/a")).toBe("part");
      expect(await namesIn(storage, "/")).toEqual(["a"]);
    });

    test.each<[string, WriteMode, string]>([
      ["append", { kind: "append" }, "abcdef"],
      ["resume", { kind: "resume", offset: 3 }, "abc"],
    ])("takes back what came in excess: %s", async (_name, mode, left) => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "abcdef");
      {
        await using upload = await storage.openWrite("/a", mode);
        await upload.write(bytes("XYZ"));
        await upload.rollBack?.();
      }
      expect(await read(storage, "/a")).toBe(left);
    });

    test("counts what is stored below a folder, as it changes", async () => {
      await using subject = await open();
      const { storage } = subject;
      await storage.makeDirectory("/home");
      await storage.makeDirectory("/home/d");
      await write(storage, "/home/d/a", "12345");
      const usage = await storage.within("/home").usage();
      await usage.ready();
      expect(usage.usedBytes).toBe(5);
      await write(storage, "/home/b", "123");
      await write(storage, "/b", "elsewhere");
      expect(usage.usedBytes).toBe(8);
      await write(storage, "/home/b", "4", { kind: "append" });
      await write(storage, "/home/d/a", "1");
      expect(usage.usedBytes).toBe(5);
      await write(storage, "/home/d/a", "", { kind: "resume", offset: 1 });
      await storage.rename("/home/d/a", "/home/b");
      expect(usage.usedBytes).toBe(1);
      await storage.rename("/b", "/home/c");
      expect(usage.usedBytes).toBe(10);
      await storage.rename("/home/c", "/c");
      await storage.removeFile("/home/b");
      expect(usage.usedBytes).toBe(0);
      await storage.makeDirectory("/full");
      await write(storage, "/full/x", "1234");
      await storage.rename("/full", "/home/full");
      await usage.ready();
      await storage.within("/home").entry("/full/x");
      usage.reserve(7);
      expect(usage.usedBytes).toBeGreaterThanOrEqual(7);
      usage.reserve(-7);
    });

    test("finds names that are free", async () => {
      await using subject = await open();
      const { storage } = subject;
      const names = [];
      for (let i = 0; i < 3; i++) {
        names.push(await write(storage, "/u", String(i), { kind: "unique" }));
      }
      expect(new Set(names).size).toBe(3);
      expect(await namesIn(storage, "/")).toEqual(names.toSorted());
      expect(await Promise.all(names.map((each) => read(storage, `/${each}`)))).toEqual([
        "0",
        "1",
        "2",
      ]);
    });

    test("refuses a second writer of one file, and admits it afterwards", async () => {
      await using subject = await open();
      const { storage } = subject;
      for (const kind of ["replace", "append"] as const) {
        await using first = await storage.openWrite("/a", { kind });
        await first.write(bytes("1"));
        await fails(storage.openWrite("/a", { kind: "replace" }), "busy");
        await fails(storage.openWrite("/a", { kind: "append" }), "busy");
      }
      await write(storage, "/a", "2");
      expect(await read(storage, "/a")).toBe("2");
    });

    test("makes, lists, renames and removes", async () => {
      await using subject = await open();
      const { storage } = subject;
      await storage.makeDirectory("/d");
      await storage.makeDirectory("/d/e");
      await write(storage, "/d/e/f", "x");
      await storage.rename("/d/e/f", "/g");
      await storage.rename("/d/e", "/h");
      expect(await namesIn(storage, "/")).toEqual(["d", "g", "h"]);
      expect(await namesIn(storage, "/d")).toEqual([]);
      await storage.removeFile("/g");
      await storage.removeDirectory("/h");
      expect(await namesIn(storage, "/")).toEqual(["d"]);
    });

    test("a rename replaces a file, never a folder", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "a");
      await write(storage, "/b", "b");
      await storage.makeDirectory("/d");
      await storage.rename("/a", "/b");
      expect(await read(storage, "/b")).toBe("a");
      await fails(storage.rename("/b", "/d"), "exists");
      await storage.makeDirectory("/e");
      await fails(storage.rename("/e", "/d"), "exists");
      expect(await namesIn(storage, "/")).toEqual(["b", "d", "e"]);
    });

    test.each<[string, (storage: StorageAdapter) => Promise<unknown>, StorageErrorKind]>([
      ["entry of nothing", (s) => s.entry("/no"), "notFound"],
      ["finding below a file", (s) => s.find("/f/x"), "notADirectory"],
      ["reading nothing", (s) => s.openRead("/no"), "notFound"],
      ["reading a folder", (s) => s.openRead("/d"), "isADirectory"],
      ["reading below a file", (s) => s.openRead("/f/x"), "notADirectory"],
      ["writing a folder", (s) => s.openWrite("/d", { kind: "replace" }), "isADirectory"],
      ["appending to a folder", (s) => s.openWrite("/d", { kind: "append" }), "isADirectory"],
      ["writing the root", (s) => s.openWrite("/", { kind: "replace" }), "isADirectory"],
      ["writing into nothing", (s) => s.openWrite("/no/x", { kind: "replace" }), "notFound"],
      ["listing nothing", (s) => namesIn(s, "/no"), "notFound"],
      ["listing a file", (s) => namesIn(s, "/f"), "notADirectory"],
      ["making what exists", (s) => s.makeDirectory("/d"), "exists"],
      ["making over a file", (s) => s.makeDirectory("/f"), "exists"],
      ["making in nothing", (s) => s.makeDirectory("/no/x"), "notFound"],
      ["removing a full folder", (s) => s.removeDirectory("/full"), "notEmpty"],
      ["removing a file as folder", (s) => s.removeDirectory("/f"), "notADirectory"],
      ["removing a folder as file", (s) => s.removeFile("/d"), "isADirectory"],
      ["removing nothing", (s) => s.removeFile("/no"), "notFound"],
      ["removing the root", (s) => s.removeDirectory("/"), "denied"],
      ["renaming nothing", (s) => s.rename("/no", "/x"), "notFound"],
      ["renaming the root", (s) => s.rename("/", "/x"), "denied"],
      ["renaming into nothing", (s) => s.rename("/f", "/no/x"), "notFound"],
      ["renaming a folder into itself", (s) => s.rename("/d", "/d/x"), "invalidName"],
      ["a name with a line break", (s) => s.makeDirectory("/a\r\nb"), "invalidName"],
      ["a name with NUL", (s) => s.openWrite("/a\0b", { kind: "replace" }), "invalidName"],
      ["a name that is too long", (s) => s.makeDirectory(`/${"x".repeat(256)}`), "invalidName"],
      ["setting the time of nothing", (s) => s.setModified("/no", 0), "notFound"],
    ])("%s fails with its kind", async (_name, operation, kind) => {
      await using subject = await open();
      const { storage } = subject;
      await storage.makeDirectory("/d");
      await storage.makeDirectory("/full");
      await write(storage, "/full/x", "x");
      await write(storage, "/f", "f");
      await fails(operation(storage), kind);
      expect(await namesIn(storage, "/")).toEqual(["d", "f", "full"]);
    });

    test("sets time and mode", async () => {
      await using subject = await open();
      const { storage } = subject;
      await write(storage, "/a", "a");
      await storage.setModified("/a", Date.UTC(2001, 1, 3, 4, 5, 6));
      await storage.setMode("/a", 0o600);
      expect(await storage.entry("/a")).toMatchObject({
        modifiedMs: Date.UTC(2001, 1, 3, 4, 5, 6),
        mode: 0o600,
      });
    });

    test("lists more entries than one batch holds, each once", async () => {
      await using subject = await open();
      const { storage } = subject;
      const names = Array.from({ length: 700 }, (_, index) => `f${String(index)}`);
      for (const each of names) await write(storage, `/${each}`, "");
      expect(await namesIn(storage, "/")).toEqual(names.toSorted());
    });

    test("takes any name that a client may send", async () => {
      await using subject = await open();
      const { storage } = subject;
      const special = [
        "-rf",
        " lead",
        "trail ",
        "a;b",
        "ü",
        "u\u0308",
        "日本",
        "a\\b",
        "*?[",
        "...",
      ];
      for (const each of special) await write(storage, `/${each}`, each);
      expect(await namesIn(storage, "/")).toEqual(special.toSorted());
      for (const each of special) expect(await read(storage, `/${each}`)).toBe(each);
    });

    test("stores any content byte by byte", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 })), async (chunks) => {
          await using subject = await open();
          const { storage } = subject;
          {
            await using upload = await storage.openWrite("/x", { kind: "replace" });
            for (const chunk of chunks) {
              const lent = Uint8Array.from(chunk);
              await upload.write(lent);
              lent.fill(0);
            }
            await upload.commit();
          }
          await using file = await storage.openRead("/x");
          const stored = new Uint8Array(file.sizeBytes);
          await file.read(stored, 0);
          expect(Buffer.from(stored).equals(Buffer.concat(chunks))).toBe(true);
        }),
        { numRuns: 30 },
      );
    });
  });
}
