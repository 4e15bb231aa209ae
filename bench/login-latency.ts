/**
 * How long a new client waits until it is logged in while 64 transfers run, beside the same on a
 * server that has nothing else to do.
 *
 *     node bench/login-latency.ts [WORKERS]
 */
import { randomBytes } from "node:crypto";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer, type TestServer } from "../test/support/server.ts";
import { WireClient } from "../test/support/wire-client.ts";

const TRANSFERS = 64;
/** They run in other processes, so that their clients do not delay the one that is timed. */
const PROCESSES = 4;
const LOGINS = 200;
const FILE_BYTES = 64 * 1024 * 1024;

/** Downloads for good, `count` at a time; what arrives is thrown away. */
async function transferForGood(host: string, port: number, count: number): Promise<void> {
  const run = async (): Promise<void> => {
    const client = await WireClient.open(host, port);
    await client.login();
    for (;;) {
      const { text } = await client.expect("EPSV", 229);
      const data = connect({ host, port: Number(/\|(\d+)\|/.exec(text)?.[1]) });
      const ended = once(data.resume(), "end");
      await client.expect("RETR large.bin", 150);
      await ended;
      await client.reply();
    }
  };
  await Promise.all(Array.from({ length: count }, run));
}

async function timeLogins({ host, controlPort }: TestServer): Promise<readonly number[]> {
  const times: number[] = [];
  for (let login = 0; login < LOGINS; login++) {
    const started = performance.now();
    await using client = await WireClient.open(host, controlPort);
    await client.login();
    times.push(performance.now() - started);
  }
  return times.toSorted((a, b) => a - b);
}

function tell(what: string, times: readonly number[]): void {
  const at = (part: number): string => (times[Math.floor(times.length * part)] ?? 0).toFixed(1);
  process.stdout.write(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`);
}

async function measure(workers: number): Promise<void> {
  await using server = await startServer({ passivePorts: 400, settings: { workers } });
  await writeFile(join(server.dataFolder, "large.bin"), randomBytes(FILE_BYTES));
  await timeLogins(server);
  tell("nothing else", await timeLogins(server));
  const share = String(TRANSFERS / PROCESSES);
  const loads: ChildProcess[] = Array.from({ length: PROCESSES }, () =>
    fork(fileURLToPath(import.meta.url), ["load", server.host, String(server.controlPort), share]),
  );
  const logins = (): number => server.records.filter(({ event }) => event === "loggedIn").length;
  const before = logins();
  while (logins() < before + TRANSFERS) await new Promise((resolve) => setTimeout(resolve, 50));
  tell(`${String(TRANSFERS)} downloads`, await timeLogins(server));
  for (const load of loads) load.kill();
}

const [kind = "1", host = "", port = "", count = ""] = process.argv.slice(2);
if (kind === "load") await transferForGood(host, Number(port), Number(count));
else await measure(Number(kind));
