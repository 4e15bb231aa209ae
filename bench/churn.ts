/**
 * A day of comings and goings in minutes: sessions of every kind, plain and TLS, one after another
 * from thousands of addresses. What the server holds afterwards must not be more than after the
 * first thousand. It is the server that `npm run bench` has bundled.
 *
 *     node bench/churn.ts [SESSIONS]
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { memoryKib } from "../test/support/process-memory.ts";
import { startServer, type TestServer } from "../test/support/server.ts";
import { WireClient } from "../test/support/wire-client.ts";
import { SERVER } from "./driven-server.mjs";

const SESSIONS = Number(process.argv[2] ?? 100_000);
/** After so many, caches and pools have found their size. */
const FIRST = 1000;
const AT_ONCE = 24;
const FILE = randomBytes(20_000);
/** After that the server has closed what it had to, and given back what it gives back. */
const SETTLE_MILLISECONDS = 4000;

/** The kinds take turns; the numbers are out of a hundred sessions. */
const KINDS: readonly (readonly [number, (server: TestServer, index: number) => Promise<void>])[] =
  [
    [56, visit],
    [20, visitWithTls],
    [8, download],
    [4, upload],
    [4, list],
    [6, vanish],
    [1, guess],
    [1, vanishWhileItTransfers],
  ];

/** Loopback has sixteen million addresses. */
const addressOf = (index: number): string =>
  `127.1.${String(Math.floor(index / 250) % 40)}.${String((index % 250) + 1)}`;

const open = ({ host, controlPort }: TestServer, index: number): Promise<WireClient> =>
  WireClient.open(host, controlPort, addressOf(index));

async function visit(server: TestServer, index: number): Promise<void> {
  await using client = await open(server, index);
  await client.login();
  await client.expect("PWD", 257);
  await client.expect("QUIT", 221);
}

async function visitWithTls({ host, implicitTlsPort }: TestServer, index: number): Promise<void> {
  await using client = await WireClient.openTls(host, implicitTlsPort, {
    maxVersion: index % 2 === 0 ? "TLSv1.3" : "TLSv1.2",
  });
  await client.login();
  await client.expect("QUIT", 221);
}

async function download({ host, controlPort }: TestServer): Promise<void> {
  await using client = await WireClient.open(host, controlPort);
  await client.login();
  await client.download("RETR file.bin");
  await client.expect("QUIT", 221);
}

async function upload({ host, controlPort }: TestServer, index: number): Promise<void> {
  await using client = await WireClient.open(host, controlPort);
  await client.login();
  await client.upload(`STOR up-${String(index)}.bin`, FILE);
  await client.expect(`DELE up-${String(index)}.bin`, 250);
  await client.expect("QUIT", 221);
}

async function list({ host, controlPort }: TestServer): Promise<void> {
  await using client = await WireClient.open(host, controlPort);
  await client.login();
  await client.download("MLSD");
  await client.expect("QUIT", 221);
}

async function vanish(server: TestServer, index: number): Promise<void> {
  await using client = await open(server, index);
  await (index % 2 === 0 ? client.login() : client.reply());
  client.socket.resetAndDestroy();
}

async function guess(server: TestServer, index: number): Promise<void> {
  await using client = await open(server, index);
  await client.reply();
  await client.expect("USER alice", 331);
  await client.expect("PASS wrong", 530);
}

async function vanishWhileItTransfers({ host, controlPort }: TestServer): Promise<void> {
  await using client = await WireClient.open(host, controlPort);
  await client.login();
  const data = await client.openData();
  data.on("error", () => undefined);
  await client.expect("RETR file.bin", 150);
  data.resetAndDestroy();
  client.socket.resetAndDestroy();
}

function kindOf(index: number): (server: TestServer, index: number) => Promise<void> {
  // A step that shares no factor with a hundred mixes the kinds.
  let rest = (index * 37) % 100;
  for (const [share, kind] of KINDS) {
    if (rest < share) return kind;
    rest -= share;
  }
  return visit;
}

let next = 0;
const failures = new Map<string, number>();

async function churn(server: TestServer, until: number): Promise<void> {
  const worker = async (): Promise<void> => {
    while (next < until) {
      const index = next++;
      const kind = kindOf(index);
      try {
        await kind(server, index);
      } catch (error) {
        const problem = `${kind.name}: ${error instanceof Error ? error.message : String(error)}`;
        failures.set(problem, (failures.get(problem) ?? 0) + 1);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

await using server = await startServer({ entry: SERVER, tls: true, passivePorts: 200 });
await writeFile(join(server.dataFolder, "file.bin"), FILE);
const showResident = (): string => (memoryKib(server.process.pid, "VmRSS") / 1024).toFixed(1);
const started = performance.now();
for (const until of [FIRST, 20_000, SESSIONS / 2, SESSIONS]) {
  if (until > SESSIONS) continue;
  await churn(server, until);
  const busy = showResident();
  await pause(SETTLE_MILLISECONDS);
  process.stdout.write(
    `after ${String(until)} sessions: RSS ${busy} MiB, at rest ${showResident()} MiB\n`,
  );
}
const seconds = (performance.now() - started) / 1000;
process.stdout.write(`${(SESSIONS / seconds).toFixed(0)} sessions per second\n`);
for (const [message, count] of failures) process.stdout.write(`${String(count)} × ${message}\n`);
server.process.kill("SIGKILL");
await once(server.process, "exit");
