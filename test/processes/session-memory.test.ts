/** What sessions that are over have left behind goes back to the system. */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const SESSIONS = 1500;
const AT_ONCE = 20;

/** Pages of V8's heap that a process has mapped: 256 KiB each, hence apart from malloc's memory. */
function heapPages({ process }: TestServer): number {
  const mappings = readFileSync(`/proc/${String(process.pid)}/maps`, "utf8");
  let pages = 0;
  for (const [, from, to] of mappings.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw-p .* 0 *$/gmu)) {
    if (Number(`0x${to ?? ""}`) - Number(`0x${from ?? ""}`) === 256 * 1024) pages++;
  }
  return pages;
}

test.runIf(process.platform === "linux")(
  "a server's heap gets smaller when a rush of sessions is over, and goes on",
  async () => {
    await using server = await startServer();
    const { host, controlPort } = server;
    const visit = async (): Promise<void> => {
      await using client = await WireClient.open(host, controlPort);
      await client.login();
      await client.expect("QUIT", 221);
    };
    let inRush = 0;
    for (let begun = 0; begun < SESSIONS; begun += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, visit));
      inRush = Math.max(inRush, heapPages(server));
    }
    // With V8's own space for new objects it would be a quarter more (119 beside 95).
    expect(inRush).toBeLessThan(112);
    const most = inRush * 0.8;
    // V8 itself gives pages back only some eight seconds after it has looked for garbage.
    for (let tries = 0; tries < 120 && heapPages(server) > most; tries++) await pause(50);
    expect(heapPages(server)).toBeLessThanOrEqual(most);
    await visit();
  },
);
