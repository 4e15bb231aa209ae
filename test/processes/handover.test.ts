/** One generation of the server takes over from another while clients keep coming. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { freePorts } from "../support/free-ports.ts";
import { SocketHolder, statusOf, type Unit } from "../support/socket-holder.ts";
import { WireClient } from "../support/wire-client.ts";

const HOST = "127.0.0.1";
const CHEAP = { logCost: 4, blockSize: 8, parallelism: 1 };
/** That many clients meet the successor while its predecessor still drains. */
const VISITS = 24;
const PATIENT = { timeout: 60_000, interval: 50 };
const LARGE_BYTES = 24 * 1024 * 1024;
const VISITORS = 4;

interface Site extends AsyncDisposable {
  readonly folder: string;
  readonly controlPort: number;
  readonly healthPort: number;
  readonly passivePorts: readonly number[];
  readonly args: readonly string[];
  readonly large: Buffer;
}

async function makeSite(passivePorts = 12): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "gangway-handover-"));
  const [controlPort = 0, healthPort = 0, ...passive] = await freePorts(HOST, passivePorts + 2);
  const large = randomBytes(LARGE_BYTES);
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "data", "large.bin"), large);
  await writeFile(join(folder, "data", "small.txt"), "small");
  const settings = {
    listen: { addresses: [HOST], controlPort, healthProbePort: healthPort },
    passive: { ports: `${String(passive[0])}-${String(passive.at(-1))}` },
    tls: { controlPolicy: "allow" },
    dataFolder: join(folder, "data"),
    accounts: [{ name: "alice", passwordHash: await hashPassword("secret", CHEAP) }],
  };
  await writeFile(join(folder, "settings.json"), JSON.stringify(settings));
  return {
    folder,
    controlPort,
    healthPort,
    passivePorts: passive,
    args: ["--settings", join(folder, "settings.json")],
    large,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function visit(port: number): Promise<void> {
  await using client = await WireClient.open(HOST, port);
  await client.login();
  const { data, codes } = await client.download("RETR small.txt");
  expect({ data, codes }).toEqual({ data: "small", codes: [150, 226] });
  await client.expect("QUIT", 221);
}

async function sessionsOpened(unit: Unit): Promise<number> {
  const page = JSON.parse((await statusOf(unit, "/status"))?.body ?? "") as {
    readonly counted: { readonly sessionsOpened: number };
  };
  return page.counted.sessionsOpened;
}

/** Ports of `among` that are listened on, each as often as the kernel names it. */
async function listening(among: readonly number[]): Promise<readonly number[]> {
  const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n").slice(1);
  return lines.flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const port = Number.parseInt(local?.split(":")[1] ?? "", 16);
    return state === "0A" && among.includes(port) ? [port] : [];
  });
}

/** Clients that come one after another, until told to stop. */
async function keepVisiting(port: number, until: AbortSignal): Promise<number> {
  let visits = 0;
  while (!until.aborted) {
    await visit(port);
    visits++;
  }
  return visits;
}

test.each([
  { ports: 12, more: [] },
  { ports: 12, more: ["--workers", "2"] },
  // Each process has one port of its own, and clients come at once.
  { ports: 4, more: [] },
  { ports: 4, more: ["--workers", "2"] },
])(
  "a hand-over refuses no client and cuts no transfer ($ports ports $more)",
  async ({ ports, more }) => {
    await using site = await makeSite(ports);
    const { controlPort, healthPort, passivePorts, args, large } = site;
    await using holder = await SocketHolder.open(HOST, [controlPort, healthPort], site.folder);
    const a = await holder.start("a", [...args, ...more]);
    // Alone, it has used every port by now and then.
    await vi.waitUntil(async () => {
      await visit(controlPort);
      return (await listening(passivePorts)).length === ports;
    }, PATIENT);
    await using downloader = await WireClient.open(HOST, controlPort);
    await downloader.login();
    const data = await downloader.openData();
    const received: Buffer[] = [];
    data.on("data", (chunk: Buffer) => received.push(chunk));
    data.pause();
    await downloader.expect("RETR large.bin", 150);
    await using midway = await WireClient.open(HOST, controlPort);
    await midway.reply();

    using stop = new DisposableStack();
    const enough = new AbortController();
    stop.defer(() => enough.abort());
    const visitors = Promise.all(
      Array.from({ length: VISITORS }, () => keepVisiting(controlPort, enough.signal)),
    );
    const b = await holder.start("b", [...args, ...more]);
    process.kill(a.processId, "SIGUSR2");
    await vi.waitUntil(async () => (await statusOf(a, "/healthz"))?.status === 503, PATIENT);
    const before = await sessionsOpened(b);
    await vi.waitUntil(async () => (await sessionsOpened(b)) >= before + VISITS, PATIENT);
    const listened = await listening(passivePorts);
    expect(new Set(listened).size).toBe(listened.length);
    // Azure's probe meets the one that serves.
    expect((await fetch(`http://${HOST}:${String(healthPort)}/healthz`)).status).toBe(200);
    enough.abort();
    const visits = await visitors;
    expect(Math.min(...visits)).toBeGreaterThan(0);

    // Whoever was in the midst of logging in goes on with the old one, and so does the transfer.
    await midway.expect("USER alice", 331);
    await midway.expect("PASS secret", 230);
    expect((await midway.download("RETR small.txt")).data).toBe("small");
    data.resume();
    expect((await downloader.reply()).code).toBe(226);
    expect(Buffer.concat(received).equals(large)).toBe(true);
    expect((await downloader.download("RETR small.txt")).data).toBe("small");
    await downloader.expect("QUIT", 221);
    await midway.expect("QUIT", 221);
    await holder.ended(a);
    await visit(controlPort);
    expect(holder.records.filter(({ event }) => event === "bug")).toEqual([]);
  },
);

test("a socket that no binding asks for is logged and left alone", async () => {
  await using site = await makeSite();
  const [stray = 0] = await freePorts(HOST, 1);
  await using holder = await SocketHolder.open(HOST, [stray, site.controlPort], site.folder);
  await holder.start("a", site.args);
  await visit(site.controlPort);
  expect(holder.records).toContainEqual(
    expect.objectContaining({ event: "socketUnused", address: HOST, port: stray }),
  );
  expect((await fetch(`http://${HOST}:${String(site.healthPort)}/healthz`)).status).toBe(200);
});
