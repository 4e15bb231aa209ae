/** The data disk's script, run on files that stand for disks: none with data on it is ever formatted. */
import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { MACHINE_LAYOUT } from "#contract";
import { renderCloudInit, renderDataDiskScript } from "../../infra/machine/cloud-init.ts";

const run = promisify(execFile);
const MEBIBYTE = 1_048_576;
const DISK_BYTES = 64 * MEBIBYTE;
/** Azure's limit for customData, before base64. */
const MOST_BYTES = 65_535;

const able =
  userInfo().uid === 0 &&
  spawnSync("unshare", ["--mount", "true"]).status === 0 &&
  spawnSync("mkfs.ext4", ["-V"]).status === 0;

describe("cloud-init", () => {
  const document = renderCloudInit(MACHINE_LAYOUT.dataFolder);

  it("is one small cloud-config document", () => {
    expect(document.startsWith("#cloud-config\n")).toBe(true);
    expect(Buffer.byteLength(document)).toBeLessThan(MOST_BYTES / 10);
    const { runcmd, ...others } = parse(document) as { runcmd: string[][] };
    expect(others).toEqual({});
    expect(runcmd).toHaveLength(1);
    const [shell, option, script] = runcmd[0] ?? [];
    expect([shell, option]).toEqual(["bash", "-c"]);
    expect(spawnSync("bash", ["-n"], { input: script, encoding: "utf8" }).stderr).toBe("");
  });

  it("does not depend on anything that a stack can change: Azure would refuse the change", () => {
    expect(renderCloudInit.length).toBe(1);
    expect(renderCloudInit(MACHINE_LAYOUT.dataFolder)).toBe(document);
  });
});

describe.runIf(able)("the data disk", () => {
  let folder: string;
  let disk: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "gangway-disk-"));
    disk = join(folder, "disk");
    await writeFile(disk, "");
    const file = await open(disk, "r+");
    await file.truncate(DISK_BYTES);
    await file.close();
    await writeFile(join(folder, "fstab"), "# empty\n");
    await mkdir(join(folder, "bin"));
    for (const name of ["mount", "mountpoint"]) {
      const standIn = join(folder, "bin", name);
      await writeFile(
        standIn,
        `#!/bin/sh\necho ${name} "$@" >>${folder}/calls\n${name === "mountpoint" ? "exit 1" : ""}\n`,
      );
      await chmod(standIn, 0o755);
    }
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Runs the script with a file system table of its own. */
  async function start(): Promise<number> {
    const script = renderDataDiskScript(join(folder, "data"), [disk]);
    const inner = `/bin/mount --bind ${folder}/fstab /etc/fstab && PATH=${folder}/bin:$PATH bash -c "$SCRIPT"`;
    const result = await run("unshare", ["--mount", "sh", "-c", inner], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", SCRIPT: script },
    }).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    return result;
  }

  const probe = async (tag: string) => {
    const { stdout } = await run("blkid", [
      "--probe",
      "--match-tag",
      tag,
      "--output",
      "value",
      disk,
    ]);
    return stdout.trim();
  };
  const table = () => readFile(join(folder, "fstab"), "utf8");

  it("is formatted when it is blank, and mounted by its id", async () => {
    expect(await start()).toBe(0);
    expect(await probe("TYPE")).toBe("ext4");
    expect(await table()).toContain(`UUID=${await probe("UUID")} ${folder}/data auto`);
    expect(await readFile(join(folder, "calls"), "utf8")).toContain(`mount ${folder}/data`);
  });

  it("is left as it is when the script runs again", async () => {
    await start();
    const before = await probe("UUID");
    expect(await start()).toBe(0);
    expect(await probe("UUID")).toBe(before);
    expect((await table()).match(/UUID=/g)).toHaveLength(1);
  });

  it("keeps a file system that it came with", async () => {
    await run("mkfs.ext4", ["-q", "-L", "restored", disk]);
    const before = await readFile(disk);
    expect(await start()).toBe(0);
    expect((await readFile(disk)).equals(before)).toBe(true);
    expect(await table()).toContain(await probe("UUID"));
  });

  it.each([
    ["at its beginning", 0],
    ["a mebibyte in", MEBIBYTE],
  ])("is not touched when it holds data without a signature %s", async (_, offset) => {
    const file = await open(disk, "r+");
    await file.write("precious", offset);
    await file.close();
    const before = await readFile(disk);
    expect(await start()).not.toBe(0);
    expect((await readFile(disk)).equals(before)).toBe(true);
    expect(await table()).not.toContain("UUID=");
  });

  it("is not touched when it is partitioned", async () => {
    // A boot record with one Linux partition: enough for a signature.
    const record = Buffer.alloc(512);
    record.set([0x80, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0x10, 0, 0], 446);
    record.set([0x55, 0xaa], 510);
    const file = await open(disk, "r+");
    await file.write(record, 0, record.length, 0);
    await file.close();
    const before = await readFile(disk);
    expect(await start()).not.toBe(0);
    expect((await readFile(disk)).equals(before)).toBe(true);
  });
});
