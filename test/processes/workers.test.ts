/** One server in several processes: limits hold for all together, and a death concerns one alone. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { makeFolder } from "../support/files.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ConnectionClosedError, WireClient } from "../support/wire-client.ts";

const PATIENT = { timeout: 40_000, interval: 50 };

/** Clients of this machine are like any other: none is its health check. */
const sites: ServerSettingsFile["sites"] = [
  { name: "default", ipRestrictions: { healthCheckAddresses: [] } },
];

function start(settings: Partial<ServerSettingsFile> = {}, more: object = {}): Promise<TestServer> {
  return startServer({ settings: { workers: 2, sites, ...settings }, ...more });
}

function workersOf({ records }: TestServer): readonly number[] {
  return records
    .filter(({ event }) => event === "workerServes")
    .map(({ processId }) => Number(processId));
}

async function login(server: TestServer): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
}

async function reload(server: TestServer, by: Partial<ServerSettingsFile>): Promise<void> {
  const text = JSON.stringify({ ...server.settings, workers: 2, ...by });
  await writeFile(`${server.settingsFile}.new`, text);
  await rename(`${server.settingsFile}.new`, server.settingsFile);
}

/** Whether the session still answers. */
const answers = (client: WireClient): Promise<boolean> =>
  client.code("NOOP").then(
    (code) => code === 200,
    () => false,
  );

/** Takes all four places of a server, and kills a worker. @returns the clients, half of them cut off. */
async function loseOneOfTwoWorkers(server: TestServer): Promise<readonly WireClient[]> {
  const clients = await Promise.all([1, 2, 3, 4].map(() => login(server)));
  await using refused = await WireClient.open(server.host, server.controlPort);
  expect((await refused.reply()).code).toBe(421);
  process.kill(workersOf(server)[0] ?? 0, "SIGKILL");
  await server.logged("workerEnded");
  const alive = await Promise.all(clients.map(answers));
  // Sessions are spread evenly, so half of them went with it.
  expect(alive.filter(Boolean)).toHaveLength(2);
  return clients;
}

describe("limits", () => {
  it("of an account hold across the workers, and places come back", async () => {
    await using server = await start();
    const [account, ...others] = server.settings.accounts ?? [];
    if (account === undefined) throw new Error("no account");
    await reload(server, { accounts: [{ ...account, limits: { connections: 3 } }, ...others] });
    await server.logged("settingsReloaded");
    const clients = [await login(server), await login(server), await login(server)];
    await using fourth = await WireClient.open(server.host, server.controlPort);
    await expect(fourth.login()).rejects.toThrow("421");
    await clients[0]?.expect("QUIT", 221);
    await clients[0]?.closed();
    await vi.waitUntil(async () => {
      const next = await WireClient.open(server.host, server.controlPort);
      clients.push(next);
      return next.login().then(
        () => true,
        () => false,
      );
    }, PATIENT);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  it("count sessions that were there before them", async () => {
    await using server = await start();
    const clients = [await login(server), await login(server), await login(server)];
    const [account, ...others] = server.settings.accounts ?? [];
    if (account === undefined) throw new Error("no account");
    await reload(server, { accounts: [{ ...account, limits: { connections: 4 } }, ...others] });
    await server.logged("settingsReloaded");
    clients.push(await login(server));
    await using fifth = await WireClient.open(server.host, server.controlPort);
    await expect(fifth.login()).rejects.toThrow("421");
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  it("of the server are told to those who are refused, and let in as many as leave", async () => {
    await using server = await start({ limits: { connections: 2 } });
    await using stays = await login(server);
    for (let round = 0; round < 6; round++) {
      const client = await vi.waitUntil(() => login(server).catch(() => undefined), PATIENT);
      await using refused = await WireClient.open(server.host, server.controlPort);
      expect((await refused.reply()).text).toMatch(/^421 .*many/u);
      await refused.closed();
      await client.expect("QUIT", 221);
      await client.closed();
    }
    expect(await answers(stays)).toBe(true);
  });

  it("of the server come back when a worker dies with its sessions", async () => {
    await using server = await start({ limits: { connections: 4 } });
    const clients = await loseOneOfTwoWorkers(server);
    const again = [await login(server), await login(server)];
    await using last = await WireClient.open(server.host, server.controlPort);
    expect((await last.reply()).code).toBe(421);
    for (const client of [...clients, ...again]) await client[Symbol.asyncDispose]();
  });

  it.runIf(process.platform === "linux")("of the server forget clients that get lost", async () => {
    await using server = await start({ limits: { connections: 4 } });
    const allowDescriptors = (pid: number, count: number): void => {
      execFileSync("prlimit", ["--pid", String(pid), `--nofile=${String(count)}:`]);
    };
    // No number but those of the standard streams: whatever a worker still closes, no place comes free.
    for (const pid of workersOf(server)) allowDescriptors(pid, 3);
    for (let lost = 0; lost < 8; lost++) {
      await using client = await WireClient.open(server.host, server.controlPort);
      await expect(client.reply()).rejects.toThrow(ConnectionClosedError);
    }
    for (const pid of workersOf(server)) allowDescriptors(pid, 1024);
    await using clients = new AsyncDisposableStack();
    for (let place = 0; place < 4; place++) {
      clients.use(await vi.waitUntil(() => login(server).catch(() => undefined), PATIENT));
    }
  });

  it("of failed logins count them wherever they happen", async () => {
    await using server = await start({
      logonAttempts: { mode: "deny", failures: 4, windowSeconds: 60, denySeconds: 60 },
    });
    await using witness = await login(server);
    for (let failure = 0; failure < 4; failure++) {
      await using client = await WireClient.open(server.host, server.controlPort);
      await client.reply();
      await client.expect("USER alice", 331);
      await client.expect("PASS wrong", 530);
    }
    await using next = await WireClient.open(server.host, server.controlPort);
    expect((await next.reply()).text).toContain("Not allowed");
    expect(await answers(witness)).toBe(true);
  });
});

describe("reload", () => {
  it("is put in force in all workers or in none", async () => {
    await using server = await start();
    const clients = [await login(server), await login(server)];
    await reload(server, { dataFolder: "/dev/null/nowhere" });
    expect(String((await server.logged("settingsRefused"))["problem"])).toContain("dataFolder");
    for (const client of clients) await client.expect("MKD before", 257).catch(() => undefined);
    await reload(server, {
      accounts: server.settings.accounts?.map((each) => ({ ...each, permissions: ["read"] })) ?? [],
    });
    await server.logged("settingsReloaded");
    for (const client of clients) expect(await client.code("MKD after")).toBe(550);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
});

/** Runs the server where Node's handles of connections are not what they are today. */
const OTHER_NODE = `
import { once } from "node:events";
import { createServer } from "node:net";
const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
Object.defineProperty(server._handle.constructor, "name", { value: "Another" });
server.close();
if (process.send !== undefined) process._handleQueue = undefined;
await import(${JSON.stringify(new URL("../../server/main.ts", import.meta.url).href)});
`;

it("clients are handed over as sockets where this Node has no handles to give", async () => {
  using folder = makeFolder();
  const entry = join(folder.path, "entry.mjs");
  await writeFile(entry, OTHER_NODE);
  await using server = await start({ limits: { connections: 4 } }, { entry });
  const clients = await loseOneOfTwoWorkers(server);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

it("a TLS session that began with one worker resumes with the others", async () => {
  await using server = await start({}, { tls: true });
  const { host, implicitTlsPort: port } = server;
  using sockets = new DisposableStack();
  const dial = async (session?: Buffer): Promise<TLSSocket> => {
    const options = { host, port, rejectUnauthorized: false };
    const socket = connect(session === undefined ? options : { ...options, session });
    sockets.defer(() => socket.destroy());
    await once(socket, "secureConnect");
    return socket;
  };
  const first = await dial();
  const [session] = (await once(first, "session")) as [Buffer];
  // Each stays, so that the next goes to the other worker.
  const others = [await dial(session), await dial(session), await dial(session)];
  expect(others.map((socket) => socket.isSessionReused())).toEqual([true, true, true]);
});
