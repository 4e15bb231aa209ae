/** What every storage adapter promises of the files and folders that are there. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { StorageAdapter, StorageErrorKind } from "../../server/storage/storage.ts";
import { fails, namesIn, read, write, type StorageSubject } from "./storage-subject.ts";

export function testEntries(open: () => Promise<StorageSubject>): void {
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
    const special = ["-rf", " lead", "trail ", "a;b", "ü", "u\u0308", "日本", "a\\b", "*?[", "..."];
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
}
