import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, readFileSync } from "node:fs";
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
});
