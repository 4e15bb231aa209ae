/** What every storage adapter promises of a file that is being written. */
import { expect, test } from "vitest";
import type { WriteMode } from "../../server/storage/storage.ts";
import { bytes, fails, namesIn, read, write, type StorageSubject } from "./storage-subject.ts";

export function testUploads(open: () => Promise<StorageSubject>): void {
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
}
