import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { endProcess, findProcess, livingRoles, recordProcess } from "../../lab/processes.ts";
import { scratchLab } from "../support/network-level.ts";

/** A process of the test's own that says when it is ready and then waits. */
async function start(source = ""): Promise<ChildProcess & AsyncDisposable> {
  const waiting = `${source}; console.log("ready"); setInterval(() => {}, 60_000);`;
  const child = spawn(process.execPath, ["--eval", waiting], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  });
}

describe("recorded processes", () => {
  it("are found while they live and forgotten when they are gone", async () => {
    await using lab = await scratchLab();
    await using child = await start();
    recordProcess(lab.folder, "server-vm", child.pid ?? 0);
    expect(findProcess(lab.folder, "server-vm")).toBe(child.pid);
    expect(livingRoles(lab.folder)).toEqual(["server-vm"]);
    const exit = once(child, "exit");
    expect(await endProcess(lab.folder, "server-vm", 5000)).toBe(true);
    await exit;
    expect(child.signalCode).toBe("SIGTERM");
    expect(livingRoles(lab.folder)).toEqual([]);
  });

  it("are killed when they do not end in time", async () => {
    await using lab = await scratchLab();
    await using child = await start("process.on('SIGTERM', () => {})");
    recordProcess(lab.folder, "stubborn", child.pid ?? 0);
    const exit = once(child, "exit");
    await endProcess(lab.folder, "stubborn", 100);
    await exit;
    expect(child.signalCode).toBe("SIGKILL");
  });

  it("are never mistaken for a stranger with the same id", async () => {
    await using lab = await scratchLab();
    await using stranger = await start();
    recordProcess(lab.folder, "server-vm", stranger.pid ?? 0);
    const file = join(lab.folder, "processes", "server-vm.json");
    const record = JSON.parse(readFileSync(file, "utf8")) as { identity: string };
    writeFileSync(file, JSON.stringify({ ...record, identity: `${record.identity}0` }));
    expect(await endProcess(lab.folder, "server-vm", 0)).toBe(false);
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
  });

  it("survive a record cut short by a crash", async () => {
    await using lab = await scratchLab();
    await using child = await start();
    recordProcess(lab.folder, "edge", child.pid ?? 0);
    writeFileSync(join(lab.folder, "processes", "edge.json"), '{"pid":');
    expect(findProcess(lab.folder, "edge")).toBeUndefined();
  });
});
