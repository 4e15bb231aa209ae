/** What the local disk promises beyond what every storage does. */
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../server/storage/storage.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { onLinux, openDisk } from "./disk-subject.ts";
import { namesOf, read, write } from "./storage-subject.ts";

describe("the local disk", () => {
  test("opens neither FIFOs nor devices, and does not wait for them", async () => {
    await using disk = await openDisk();
    execFileSync("mkfifo", [join(disk.root, "fifo")]);
    for (const operation of [
      disk.storage.openRead("/fifo"),
      disk.storage.openWrite("/fifo", { kind: "append" }),
      disk.storage.openWrite("/fifo", { kind: "replace" }),
    ]) {
      await expect(operation).rejects.toMatchObject({ kind: "notARegularFile" });
    }
  });

  test("neither lists nor reaches names that would forge a line, and hides partial uploads", async () => {
    await using disk = await openDisk();
    writeFileSync(join(disk.root, "a\r\n-rw-r--r-- forged"), "");
    writeFileSync(join(disk.root, "b"), "");
    await using upload = await disk.storage.openWrite("/c", { kind: "replace" });
    await upload.write(new Uint8Array(10));
    const names: string[] = [];
    for await (const batch of disk.storage.list("/")) names.push(...batch.map(({ name }) => name));
    expect(names).toEqual(["b"]);
  });

  test.each([0, 1, 128, 129, 260, 900])("lists %i entries in batches", async (count) => {
    await using disk = await openDisk();
    const names = Array.from({ length: count }, (_, index) => String(index).padStart(4, "0"));
    for (const name of names) writeFileSync(join(disk.root, name), "");
    const listed: string[][] = [];
    for await (const batch of disk.storage.list("/")) listed.push(batch.map(({ name }) => name));
    expect(listed.flat().toSorted()).toEqual(names);
    expect(Math.max(0, ...listed.map((batch) => batch.length))).toBeLessThanOrEqual(128);
  });

  onLinux("tells of a large folder's entries what it tells of each alone", async () => {
    await using disk = await openDisk();
    const { root, storage } = disk;
    for (let number = 0; number < 300; number++)
      writeFileSync(join(root, `f${String(number)}`), "");
    mkdirSync(join(root, "folder"), { mode: 0o751 });
    writeFileSync(join(root, "ä file"), "12345", { mode: 0o604 });
    truncateSync(join(root, "f1"), 5 * 2 ** 30 + 1);
    utimesSync(join(root, "f2"), new Date(0), new Date(-1500));
    utimesSync(join(root, "f3"), 0, 2 ** 32 + 0.999);
    execFileSync("mkfifo", [join(root, "fifo")]);
    symlinkSync("f1", join(root, "link"));
    symlinkSync("nowhere", join(root, "dangling"));
    const listed: Entry[] = [];
    for await (const batch of storage.list("/")) listed.push(...batch);
    expect(listed).toHaveLength(304);
    expect(listed.find(({ name }) => name === "f2")?.modifiedMs).toBe(-1500);
    for (const { name, kind, sizeBytes, modifiedMs, mode, unique } of listed) {
      const alone = await storage.entry(`/${name}`);
      expect({ name, kind, sizeBytes, modifiedMs, mode, unique }).toEqual(alone);
    }
  });

  onLinux("leaves out names that are no UTF-8, and lists the others", async () => {
    await using disk = await openDisk();
    // What Node makes of the second is longer than a name can be.
    for (const length of [3, 200]) {
      writeFileSync(Buffer.concat([Buffer.from(`${disk.root}/`), Buffer.alloc(length, 0xff)]), "");
    }
    writeFileSync(join(disk.root, "a"), "");
    const names: string[] = [];
    for await (const batch of disk.storage.list("/")) names.push(...batch.map(({ name }) => name));
    expect(names).toEqual(["a"]);
  });

  test("keeps the permission bits of a file that is replaced", async () => {
    await using disk = await openDisk();
    await write(disk.storage, "/a", "1");
    await disk.storage.setMode("/a", 0o640);
    await write(disk.storage, "/a", "2");
    expect(await disk.storage.entry("/a")).toMatchObject({ mode: 0o640 });
  });

  test("removes what a dead process left behind, when its folder is listed or removed", async () => {
    await using disk = await openDisk();
    const { storage, root } = disk;
    const own = await storage.openWrite("/own", { kind: "replace" });
    const [partial = ""] = readdirSync(root);
    // Of a process with our number before us, and of one that does not run.
    const [machine] = partial.slice(".gangway-partial-".length).split("-");
    const left = [String(process.pid), "999999999"].map(
      (pid) => `.gangway-partial-${String(machine)}-${pid}-00000000-0000000000000000`,
    );
    const foreign = `.gangway-partial-ffffffff-1-00000000-0000000000000000`;
    for (const name of [...left, foreign]) writeFileSync(join(root, name), "half");
    for await (const batch of storage.list("/")) expect(batch).toEqual([]);
    expect(readdirSync(root).toSorted()).toEqual([partial, foreign].toSorted());
    utimesSync(join(root, foreign), 0, 0);
    for await (const batch of storage.list("/")) expect(batch).toEqual([]);
    expect(readdirSync(root)).toEqual([partial]);
    await own[Symbol.asyncDispose]();

    mkdirSync(join(root, "d"));
    for (const name of left) writeFileSync(join(root, "d", name), "half");
    await storage.removeDirectory("/d");
    expect(readdirSync(root)).toEqual([]);
  });

  test("says in the reason which invisible name keeps a folder from being removed", async () => {
    await using disk = await openDisk();
    mkdirSync(join(disk.root, "d"));
    writeFileSync(join(disk.root, "d/forged\r\nname"), "");
    await expect(disk.storage.removeDirectory("/d")).rejects.toMatchObject({
      kind: "notEmpty",
      reason: expect.stringContaining(String.raw`"forged\r\nname"`),
    });
    expect(readdirSync(join(disk.root, "d"))).toHaveLength(1);
    // Its content is visible: no further reason is needed.
    writeFileSync(join(disk.root, "seen"), "");
    mkdirSync(join(disk.root, "e"));
    await write(disk.storage, "/e/f", "");
    await expect(disk.storage.removeDirectory("/e")).rejects.toMatchObject({ reason: undefined });
  });

  onLinux(
    "counts what other processes store in a home, also what they have yet to complete",
    async () => {
      await using disk = await openDisk();
      const { root } = disk;
      const storage = await LocalDisk.open(root, { sharedByProcesses: true });
      await write(storage, "/a", "12345");
      const usage = await storage.usage();
      await usage.ready();
      expect(usage.usedBytes).toBe(5);
      writeFileSync(join(root, "b"), "123");
      writeFileSync(join(root, ".gangway-partial-ffffffff-1-00000000-1"), "1234");
      await using own = await storage.openWrite("/c", { kind: "replace" });
      await own.write(new Uint8Array(100));
      await expect
        .poll(async () => {
          await usage.ready();
          return usage.usedBytes;
        })
        .toBe(12);
    },
  );

  test("a folder with an upload under way is not empty", async () => {
    await using disk = await openDisk();
    await disk.storage.makeDirectory("/d");
    await using _upload = await disk.storage.openWrite("/d/x", { kind: "replace" });
    await expect(disk.storage.removeDirectory("/d")).rejects.toMatchObject({ kind: "notEmpty" });
  });

  test("resuming a file that does not exist leaves none", async () => {
    await using disk = await openDisk();
    await expect(disk.storage.openWrite("/x", { kind: "resume", offset: 5 })).rejects.toMatchObject(
      { kind: "notFound" },
    );
    expect(readdirSync(disk.root)).toEqual([]);
  });

  test("an abandoned upload under a unique name leaves none", async () => {
    await using disk = await openDisk();
    await disk.storage.makeDirectory("/d");
    const upload = await disk.storage.openWrite("/d/x", { kind: "unique" });
    await upload[Symbol.asyncDispose]();
    expect(readdirSync(join(disk.root, "d"))).toEqual([]);
  });

  test("keeps every form of a name as it was written, up to 255 bytes", async () => {
    await using disk = await openDisk();
    const names = ["-rf", "é", "e\u0301", "ﬁ", "x".repeat(255), "日本".repeat(42), " ", "~"];
    for (const name of names) await write(disk.storage, `/${name}`, name);
    expect(await namesOf(disk.storage.list("/"))).toEqual(names.toSorted());
    expect(readdirSync(disk.root).toSorted()).toEqual(names.toSorted());
    for (const name of names) {
      expect(await read(disk.storage, `/${name}`)).toBe(name);
      await disk.storage.rename(`/${name}`, "/moved");
      await disk.storage.removeFile("/moved");
    }
    await expect(write(disk.storage, `/${"é".repeat(128)}`, "")).rejects.toMatchObject({
      kind: "invalidName",
    });
  });

  onLinux("lists a folder of 20,000 entries with memory for a batch of them", async () => {
    await using disk = await openDisk();
    for (let number = 0; number < 20_000; number++) {
      writeFileSync(join(disk.root, `file-${String(number)}`), "");
    }
    let entries = 0;
    let largest = 0;
    for await (const batch of disk.storage.list("/")) {
      entries += batch.length;
      largest = Math.max(largest, batch.length);
    }
    expect(entries).toBe(20_000);
    expect(largest).toBeLessThanOrEqual(256);
  });

  onLinux("keeps no folder open when it is done", async () => {
    await using disk = await openDisk();
    const { storage } = disk;
    await storage.makeDirectory("/d");
    await storage.makeDirectory("/many");
    for (let number = 0; number < 300; number++) {
      writeFileSync(join(disk.root, "many", String(number)), "");
    }
    const before = readdirSync("/proc/self/fd").length;
    for await (const batch of storage.list("/many")) expect(batch).not.toEqual([]);
    for await (const _ of storage.list("/many")) break;
    await write(storage, "/d/a", "1");
    await read(storage, "/d/a");
    await storage.entry("/d/a");
    for await (const batch of storage.list("/d")) expect(batch).toHaveLength(1);
    for await (const _ of storage.list("/d")) break;
    await storage.rename("/d/a", "/d/b");
    await storage.setModified("/d/b", 0);
    await storage.removeFile("/d/b");
    await expect(storage.openRead("/d/none")).rejects.toThrow();
    await expect(storage.openWrite("/d", { kind: "append" })).rejects.toThrow();
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });
});
