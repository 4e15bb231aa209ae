/** What only the start needs does not stay in memory. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemCalls } from "../../server/native/system-calls.ts";
import { startServer } from "../support/server.ts";

const CONSTANT_DATA = /^\S+ r--p .*\/node\n(?:[A-Z].*\n)*?Rss: +(\d+) kB$/gmu;

/** KiB of the constant data of Node's binary that a process has in memory. */
function constantDataKib(pid: number | undefined): number {
  const mappings = readFileSync(`/proc/${String(pid)}/smaps`, "utf8");
  let sum = 0;
  for (const [, kib] of mappings.matchAll(CONSTANT_DATA)) sum += Number(kib);
  return sum;
}

test.runIf(systemCalls())(
  "a server keeps less of Node's constant data than an idle Node does",
  async () => {
    const idle = spawn(process.execPath, ["--eval", "console.log(1); setInterval(() => 0, 1e6)"]);
    try {
      await once(idle.stdout, "data");
      const ofNode = constantDataKib(idle.pid);
      await using server = await startServer();
      let ofServer = Infinity;
      for (let tries = 0; tries < 200 && ofServer >= ofNode / 2; tries++) {
        await pause(50);
        ofServer = constantDataKib(server.process.pid);
      }
      expect(ofServer).toBeLessThan(ofNode / 2);
    } finally {
      idle.kill();
    }
  },
);
