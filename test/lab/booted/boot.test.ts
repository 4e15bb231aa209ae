/** A machine boots with the stack's real cloud-init, twice, with all kinds of data disks. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MACHINE_LAYOUT } from "#contract";
import { renderCloudInit } from "../../../infra/machine/cloud-init.ts";
import { stopMachine } from "../../../lab/booted/boot.ts";
import { bootedFolder } from "../../../lab/booted/folder.ts";
import { livingRoles } from "../../../lab/processes.ts";
import {
  describeMachine,
  IMAGE_MILLISECONDS,
  makeLoneMachine,
  runInMachine,
  testImage,
  type LoneMachine,
} from "../../support/machine-level.ts";

const DATA = MACHINE_LAYOUT.dataFolder;
const OPERATIONS = fileURLToPath(new URL("../../../docs/operations.md", import.meta.url));

describeMachine("a booted machine", () => {
  let machine: LoneMachine;
  let leftovers: Leftovers;

  beforeAll(async () => {
    await testImage();
    leftovers = readLeftovers();
    machine = await makeLoneMachine(renderCloudInit(DATA));
    const booted = await machine.boot();
    expect(booted).toMatchObject({ state: "running", failedUnits: [] });
  }, IMAGE_MILLISECONDS);

  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
    expect(livingRoles(machine.folder)).toEqual([]);
    expect(readLeftovers()).toEqual(leftovers);
  });

  it("has a cloud-init document that cloud-init calls valid, and carries it out", async () => {
    const { exitCode, output } = await machine.run(`
      cloud-init schema --config-file /var/lib/cloud/instance/user-data.txt
      cloud-init status --wait
      hostname`);
    expect(output).toContain("Valid");
    expect(output).toContain("status: done");
    expect(output).toContain("lone-machine");
    expect(exitCode).toBe(0);
    // The check itself can fail.
    const wrong = await machine.run(`
      printf '#cloud-config\\nruncmd: 7\\n' >/tmp/wrong.yaml
      cloud-init schema --config-file /tmp/wrong.yaml`);
    expect(wrong.exitCode).not.toBe(0);
  });

  it("formats its blank data disk and mounts it without rights to run or own", async () => {
    const { output } = await machine.run(`findmnt -no FSTYPE,OPTIONS ${DATA}`);
    expect(output).toMatch(/^ext4 /);
    for (const option of ["noexec", "nosuid", "nodev"]) expect(output).toContain(option);
  });

  it("returns what a script says and its exit code", async () => {
    const { exitCode, output, error } = await machine.run("echo said; echo complained >&2; exit 7");
    expect({ exitCode, output, error }).toEqual({
      exitCode: 7,
      output: "said\n",
      error: "complained\n",
    });
  });

  it("hands a script its variables, and shows them to nobody else", async () => {
    const secret = 'a "secret" of $two\nlines';
    const { output } = await runInMachine(
      machine.folder,
      machine.name,
      `printf '%s' "$secret" | base64 --wrap=0
      for file in /proc/[0-9]*/cmdline; do
        case "$(tr '\\0' ' ' <"$file" 2>/dev/null)" in *"$secret"*) echo "in $file" ;; esac
      done
      systemctl show run-command-test.service | grep -F secret || true`,
      { secret },
    );
    expect(Buffer.from(output, "base64").toString()).toBe(secret);
  });

  it("does nothing again on the second boot, and finds its files where they were", async () => {
    const before = await machine.run(`
      echo precious >${DATA}/file
      echo changed >/etc/motd
      cat /etc/fstab /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub
      blkid --match-tag UUID --output value /dev/disk/azure/scsi1/lun0`);
    await stopMachine(machine.folder, machine.name);
    expect(livingRoles(machine.folder)).toEqual([]);
    const dataDisks = [0, 1].map((lun) => ({
      lun,
      file: join(machine.folder, "disks", lun === 0 ? "data.img" : "copy.img"),
      bytes: 256 * 2 ** 20,
    }));
    expect(await machine.boot({ dataDisks })).toMatchObject({ state: "running" });
    const after = await machine.run(`
      cat /etc/fstab /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub
      blkid --match-tag UUID --output value /dev/disk/azure/scsi1/lun0`);
    expect(after.output).toBe(before.output);
    const files = await machine.run(`cat ${DATA}/file /etc/motd`);
    expect(files.output).toBe("precious\nchanged\n");
    // cloud-init's own count of what it ran on this instance.
    const runs = await machine.run("grep -c 'config-runcmd ran' /var/log/cloud-init.log || true");
    expect(runs.output.trim()).toBe("1");
  });

  it("gets files back from a copy of its disk, by the script of docs/operations.md", async () => {
    const [, script = ""] =
      /```sh\n(# restore\.sh: one folder\n[^]*?)```/.exec(readFileSync(OPERATIONS, "utf8")) ?? [];
    const { exitCode, output, error } = await machine.run(`
      mkdir -p ${DATA}/partner/incoming
      echo kept >${DATA}/partner/incoming/report
      chown 4711:4711 ${DATA}/partner/incoming/report
      sync
      # A snapshot of a disk that is mounted and in use.
      dd if=/dev/disk/azure/scsi1/lun0 of=/dev/disk/azure/scsi1/lun1 bs=1M conv=sparse status=none
      rm ${DATA}/partner/incoming/report
      echo newer >${DATA}/partner/incoming/newer
      ( ${script} )
      stat -c '%u' ${DATA}/partner/incoming/report
      cat ${DATA}/partner/incoming/report ${DATA}/partner/incoming/newer
      findmnt /mnt/restored || echo gone
      blkid -p -s UUID -o value /dev/disk/azure/scsi1/lun0 /dev/disk/azure/scsi1/lun1 | sort -u | wc -l`);
    expect(error).toBe("");
    expect(exitCode).toBe(0);
    expect(output.trim().split("\n").slice(-5)).toEqual(["4711", "kept", "newer", "gone", "2"]);
  });

  it("boots again when it is told so from inside", async () => {
    const bootId = () =>
      machine.run("cat /proc/sys/kernel/random/boot_id").then(
        ({ output }) => output,
        () => "not running",
      );
    const before = await bootId();
    const { serviceLogFile } = bootedFolder(machine.folder, machine.name);
    const boots = () => readFileSync(serviceLogFile, "utf8").split("booted: running").length - 1;
    const booted = boots();
    await machine.run("systemctl reboot");
    await expect.poll(boots, { timeout: 60_000 }).toBe(booted + 1);
    expect(await bootId()).not.toBe(before);
    expect(await bootId()).not.toBe("not running");
    expect((await machine.run(`cat ${DATA}/file`)).output).toBe("precious\n");
  });

  it("leaves the image as it was made", async () => {
    const image = await testImage();
    expect(existsSync(join(image, "etc/motd"))).toBe(true);
    expect(readFileSync(join(image, "etc/motd"), "utf8")).not.toContain("changed");
    expect(readdirSync(join(image, "srv"))).toEqual([]);
  });

  it("leaves a disk alone that is neither blank nor a file system", async () => {
    const foreign = "somebody's own format".repeat(1000);
    const file = join(machine.folder, "disks", "foreign.img");
    await writeFile(file, foreign);
    await using lone = await makeLoneMachine(renderCloudInit(DATA));
    const booted = await lone.boot({ dataDisks: [{ lun: 0, file, bytes: 256 * 2 ** 20 }] });
    expect(booted).toMatchObject({ state: "degraded", failedUnits: ["cloud-final.service"] });
    const { output } = await lone.run(`
      cat /var/log/cloud-init-output.log; findmnt ${DATA} || echo nothing mounted`);
    expect(output).toContain("it was left alone");
    expect(output).toContain("nothing mounted");
    await stopMachine(lone.folder, lone.name);
    await using handle = await open(file);
    const { buffer } = await handle.read(Buffer.alloc(foreign.length), 0, foreign.length, 0);
    expect(buffer.toString()).toBe(foreign);
  });
});

interface Leftovers {
  readonly loopDevices: string;
  readonly mounts: readonly string[];
  readonly controlGroups: readonly string[];
}

/** What this computer must not keep of a machine. */
function readLeftovers(): Leftovers {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const groups = mounts
    .map((line) => line.split(" "))
    .filter(([, , type]) => /^cgroup/.test(type ?? ""));
  return {
    loopDevices: execFileSync("losetup", ["--list", "--noheadings"], { encoding: "utf8" }),
    mounts: mounts.filter((line) => line.includes("gangway")),
    controlGroups: groups.flatMap(([, mount = ""]) =>
      readdirSync(mount).filter((name) => name.startsWith("gangway-lab")),
    ),
  };
}
