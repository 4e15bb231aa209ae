import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  readFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InMemoryStorage } from "../../server/storage/in-memory.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { describeStorage, read, write } from "./storage.ts";

async function openDisk() {
  const folder = mkdtempSync(join(tmpdir(), "storage-"));
  const root = join(folder, "root");
  const storage = await LocalDisk.open(root);
  const dispose = async (): Promise<void> => rmSync(folder, { recursive: true });
  return { storage, root, folder, [Symbol.asyncDispose]: dispose };
}

/** Folders are held by descriptor where there is /proc. */
const onLinux = test.skipIf(process.platform !== "linux");

describeStorage("the local disk", openDisk);
describeStorage("memory", async () => ({
  storage: new InMemoryStorage(),
  [Symbol.asyncDispose]: async () => undefined,
}));

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
