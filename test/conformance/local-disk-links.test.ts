/** Symbolic links on the local disk: none leads out, whatever comes in its place meanwhile. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bindDiskCalls } from "../../server/storage/disk-calls.ts";
import { changeMode } from "../../server/storage/disk-mode.ts";
import { openPace } from "../../server/storage/local-devices.ts";
import { onLinux, openDisk } from "./disk-subject.ts";
import { namesOf, read, write } from "./storage-subject.ts";

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
});
