import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  readFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bindDiskCalls } from "../../server/storage/disk-calls.ts";
import { changeMode } from "../../server/storage/disk-mode.ts";
import { InMemoryStorage } from "../../server/storage/in-memory.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { openPace } from "../../server/storage/local-devices.ts";
import type { Entry } from "../../server/storage/storage.ts";
import { describeStorage, read, write } from "./storage.ts";

async function openDisk() {
  const folder = mkdtempSync(join(tmpdir(), "storage-"));
  const root = join(folder, "root");
  const storage = await LocalDisk.open(root);
  const dispose = async (): Promise<void> => rmSync(folder, { recursive: true });
  return { storage, root, folder, [Symbol.asyncDispose]: dispose };
}

async function namesOf(batches: AsyncIterable<readonly Entry[]>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const batch of batches) names.push(...batch.map(({ name }) => name));
  return names.toSorted();
}

/** Folders are held by descriptor where there is /proc. */
const onLinux = test.skipIf(process.platform !== "linux");

describeStorage("the local disk", openDisk);
describeStorage("a home on the local disk", async () => {
  const disk = await openDisk();
  await disk.storage.makeDirectory("/home");
  await disk.storage.makeDirectory("/home/ann");
  return { ...disk, storage: disk.storage.within("/home").within("/ann") };
});
describeStorage("memory", async () => ({
  storage: new InMemoryStorage(),
  [Symbol.asyncDispose]: async () => undefined,
}));
describeStorage("a home in memory", async () => {
  const storage = new InMemoryStorage();
  await storage.makeDirectory("/home");
  return { storage: storage.within("/home"), [Symbol.asyncDispose]: async () => undefined };
});

describe("the local disk", () => {
  test("never leaves its root through a link", async () => {
    await using disk = await openDisk();
    const { storage, root, folder } = disk;
    mkdirSync(join(folder, "secret"));
    writeFileSync(join(folder, "secret/x"), "secret");
    symlinkSync(join(folder, "secret"), join(root, "out"));
    symlinkSync(join(folder, "secret/x"), join(root, "outFile"));
    const attempts = [
      storage.openRead("/outFile"),
      storage.openRead("/out/x"),
      storage.openWrite("/outFile", { kind: "append" }),
      storage.openWrite("/out/y", { kind: "replace" }),
      storage.entry("/outFile"),
      storage.removeFile("/out/x"),
      storage.makeDirectory("/out/d"),
      storage.rename("/out/x", "/x"),
      storage.setModified("/outFile", 0),
    ];
    const kinds = await Promise.all(
      attempts.map((attempt) =>
        attempt.then(
          () => "done",
          (error: { kind: string }) => error.kind,
        ),
      ),
    );
    expect(kinds).toEqual(attempts.map(() => "denied"));
    expect(readFileSync(join(folder, "secret/x"), "utf8")).toBe("secret");
  });

  test("never leaves a home through a link, also one that was moved until it leads out", async () => {
    await using disk = await openDisk();
    const { storage, root } = disk;
    mkdirSync(join(root, "home/ann/deep"), { recursive: true });
    writeFileSync(join(root, "home/secret"), "secret");
    mkdirSync(join(root, "home/bob"));
    writeFileSync(join(root, "home/bob/x"), "secret");
    writeFileSync(join(root, "home/ann/secret"), "own");
    mkdirSync(join(root, "home/ann/bob"));
    // Inside the home where they are; one level up they lead out of it, and not out of the root.
    symlinkSync("../secret", join(root, "home/ann/deep/file"));
    symlinkSync("../bob", join(root, "home/ann/deep/folder"));
    symlinkSync("/", join(root, "home/ann/absolute"));
    symlinkSync("../bob/x", join(root, "home/ann/direct"));
    const home = storage.within("/home/ann");
    expect(await read(home, "/deep/file")).toBe("own");
    await home.rename("/deep/file", "/file");
    await home.rename("/deep/folder", "/folder");
    const attempts: (() => Promise<unknown>)[] = [
      ...["/file", "/folder/x", "/direct", "/absolute/etc/hostname"].flatMap((path) => [
        () => home.openRead(path),
        () => home.openWrite(path, { kind: "replace" }),
        () => home.openWrite(path, { kind: "append" }),
        () => home.entry(path),
        () => home.setModified(path, 0),
        () => home.setMode(path, 0o600),
        () => home.freeBytes(path),
      ]),
      ...["/folder/x", "/absolute/x"].flatMap((path) => [
        () => home.removeFile(path),
        () => home.removeDirectory(path),
        () => home.makeDirectory(path),
        () => home.openWrite(path, { kind: "unique" }),
        () => home.rename(path, "/stolen"),
        () => home.rename("/secret", path),
      ]),
      () => namesOf(home.list("/folder")),
      () => namesOf(home.list("/absolute")),
      async () => (await home.within("/folder").usage()).ready(),
    ];
    for (const attempt of attempts)
      await expect(attempt()).rejects.toMatchObject({ kind: "denied" });
    expect(await namesOf(home.list("/"))).toEqual(["bob", "deep", "secret"]);
    expect(readdirSync(join(root, "home/bob"))).toEqual(["x"]);
    expect(readFileSync(join(root, "home/secret"), "utf8")).toBe("secret");
    // Who sees the whole site may follow them.
    expect(await read(storage, "/home/ann/file")).toBe("secret");
  });

  onLinux("a link in the place of a home opens nothing", async () => {
    await using disk = await openDisk();
    const { storage, root } = disk;
    mkdirSync(join(root, "home/ann"), { recursive: true });
    mkdirSync(join(root, "other"));
    writeFileSync(join(root, "other/x"), "secret");
    const home = storage.within("/home/ann");
    await write(home, "/x", "own");
    await storage.rename("/home/ann", "/home/away");
    symlinkSync("../other", join(root, "home/ann"));
    await expect(home.openRead("/x")).rejects.toMatchObject({ kind: "denied" });
    await expect(home.openWrite("/y", { kind: "append" })).rejects.toMatchObject({
      kind: "denied",
    });
    expect(readdirSync(join(root, "other"))).toEqual(["x"]);
  });

  test("follows links that stay inside", async () => {
    await using disk = await openDisk();
    mkdirSync(join(disk.root, "d"));
    symlinkSync("d", join(disk.root, "link"));
    await write(disk.storage, "/link/a", "a");
    symlinkSync("d/a", join(disk.root, "file"));
    await write(disk.storage, "/file", "b");
    expect(await read(disk.storage, "/d/a")).toBe("b");
  });

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

  onLinux("changes no mode through a link that has come in a file's place", async () => {
    await using disk = await openDisk();
    const outside = join(disk.folder, "outside");
    writeFileSync(outside, "", { mode: 0o644 });
    symlinkSync(outside, join(disk.root, "link"));
    const calls = bindDiskCalls(await openPace(disk.root));
    const change = changeMode(calls, join(disk.root, "link"), 0o600);
    await expect(change).rejects.toMatchObject({ kind: "denied" });
    expect(statSync(outside).mode & 0o777).toBe(0o644);
  });

  test("keeps the permission bits of a file that is replaced", async () => {
    await using disk = await openDisk();
    await write(disk.storage, "/a", "1");
    await disk.storage.setMode("/a", 0o640);
    await write(disk.storage, "/a", "2");
    expect(await disk.storage.entry("/a")).toMatchObject({ mode: 0o640 });
  });

  onLinux(
    "writes to the folder that it opened, whatever takes the folder's name meanwhile",
    async () => {
      await using disk = await openDisk();
      const { storage, root, folder } = disk;
      mkdirSync(join(folder, "secret"));
      mkdirSync(join(root, "in/here"), { recursive: true });
      symlinkSync(join(folder, "secret"), join(root, "out"));
      const upload = await storage.openWrite("/in/here/x", { kind: "replace" });
      await upload.write(Buffer.from("mine"));
      // All that a client can do: rename the folder away, and a link that is there into its place.
      await storage.rename("/in/here", "/moved");
      await storage.rename("/out", "/in/here");
      await upload.commit();
      await upload[Symbol.asyncDispose]();
      expect(readdirSync(join(folder, "secret"))).toEqual([]);
      expect(await read(storage, "/moved/x")).toBe("mine");
    },
  );

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

  test("counts links as nothing, and no file twice", async () => {
    await using disk = await openDisk();
    const { storage, root } = disk;
    mkdirSync(join(root, "d"));
    writeFileSync(join(root, "d/a"), "12345");
    symlinkSync("d", join(root, "again"));
    symlinkSync("..", join(root, "d/loop"));
    symlinkSync("d/a", join(root, "a"));
    const usage = await storage.usage();
    await usage.ready();
    expect(usage.usedBytes).toBe(5);
    await storage.removeFile("/a");
    await storage.removeFile("/again");
    expect(usage.usedBytes).toBe(5);
  });

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
    const before = readdirSync("/proc/self/fd").length;
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
