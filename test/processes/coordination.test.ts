/** What workers know together: limits of every scope, bandwidth, figures, sessions that are let go. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { freePorts } from "../support/free-ports.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const HOST = "127.0.0.1";
const PATIENT = { timeout: 40_000, interval: 50 };
const OPEN = "open.example";
const SITE_PLACES = 3;
const ADDRESS_PLACES = 2;
const FILE_BYTES = 640 * 1024;
/** Of one account, for all its sessions together. */
const BYTES_PER_SECOND = 1024 * 1024;

let server: TestServer;
let listen: ServerSettingsFile["listen"];
let clients: AsyncDisposableStack;

beforeAll(async () => {
  const [controlPort = 0, healthProbePort = 0] = await freePorts(HOST, 2);
  listen = { addresses: [HOST], controlPort, healthProbePort };
  server = await startServer({
    accounts: { alice: "secret", slow: "secret", gone: "secret" },
    settings: {
      workers: 2,
      listen,
      sites: [
        { name: OPEN },
        { name: "site.example", limits: { connections: SITE_PLACES } },
        { name: "address.example", limits: { connectionsPerAddress: ADDRESS_PLACES } },
      ],
    },
  });
  await writeFile(join(server.dataFolder, "file.bin"), randomBytes(FILE_BYTES));
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  clients = new AsyncDisposableStack();
  return () => clients.disposeAsync();
});

async function reload(by: Partial<ServerSettingsFile>): Promise<void> {
  const reloads = await counted("settingsReloads");
  await writeFile(`${server.settingsFile}.new`, JSON.stringify({ ...server.settings, ...by }));
  await rename(`${server.settingsFile}.new`, server.settingsFile);
  await expect.poll(() => counted("settingsReloads"), PATIENT).toBe(reloads + 1);
}

interface Figures {
  readonly sessions: number;
  readonly workers: number;
  readonly transfers: number;
  readonly counted: Readonly<Record<string, number>>;
}

async function figures(): Promise<Figures> {
  const url = `http://${HOST}:${String(listen.healthProbePort)}/status`;
  return (await (await fetch(url)).json()) as Figures;
}
const counted = async (name: string): Promise<number> => (await figures()).counted[name] ?? 0;

/** Logs in; code of the last reply. */
async function login(site = OPEN, user = "alice"): Promise<{ client: WireClient; code: number }> {
  const client = clients.use(await WireClient.open(HOST, listen.controlPort ?? 21));
  await client.reply();
  await client.expect(`HOST ${site}`, 220);
  await client.expect(`USER ${user}`, 331);
  return { client, code: await client.code("PASS secret") };
}

it.each([
  ["site.example", SITE_PLACES],
  ["address.example", ADDRESS_PLACES],
])("the places of %s are counted over all workers", async (site, places) => {
  for (let place = 0; place < places; place++) expect((await login(site)).code).toBe(230);
  expect((await login(site)).code).toBe(421);
  expect((await login(site)).code).toBe(421);
  expect((await login(OPEN)).code).toBe(230);
});

it("a client that vanishes while it logs in leaves no place taken", async () => {
  for (let round = 0; round < 8; round++) {
    const client = await WireClient.open(HOST, listen.controlPort ?? 21);
    await client.reply();
    await client.expect("HOST site.example", 220);
    await client.expect("USER alice", 331);
    client.send("PASS secret\r\n");
    client.socket.resetAndDestroy();
  }
  await expect.poll(async () => (await figures()).sessions, PATIENT).toBe(0);
  for (let place = 0; place < SITE_PLACES; place++) {
    expect((await login("site.example")).code).toBe(230);
  }
});

it("the bandwidth of an account is one for its sessions in all workers", async () => {
  const accounts = server.settings.accounts?.map((account) =>
    account.name === "slow"
      ? { ...account, limits: { bandwidth: { downBytesPerSecond: BYTES_PER_SECOND } } }
      : account,
  );
  await reload({ accounts: accounts ?? [] });
  const sessions = await Promise.all([1, 2, 3, 4].map(() => login(OPEN, "slow")));
  const startMs = performance.now();
  await Promise.all(
    sessions.map(async ({ client }) => {
      const { data, codes } = await client.download("RETR file.bin");
      expect([data.length > 0, codes]).toEqual([true, [150, 226]]);
    }),
  );
  // Two and a half seconds' worth, save what the limit lets through at first. Only too early can be
  // wrong: a busy machine is late.
  expect(performance.now() - startMs).toBeGreaterThan(1000);
});

it("an account that is taken away is let go wherever its sessions are", async () => {
  const sessions = await Promise.all([1, 2, 3, 4].map(() => login(OPEN, "gone")));
  const { client: stays } = await login();
  await reload({ accounts: server.settings.accounts?.filter(({ name }) => name !== "gone") ?? [] });
  for (const { client } of sessions) expect(await client.code("NOOP")).toBe(421);
  await stays.expect("NOOP", 200);
  await reload({});
});

it("figures count all workers, and go on when one of them dies", async () => {
  const before = await figures();
  expect(before.workers).toBe(2);
  const sessions = await Promise.all([1, 2, 3, 4].map(() => login()));
  await expect.poll(async () => (await figures()).sessions, PATIENT).toBe(before.sessions + 4);
  for (const { client } of sessions) await client.download("LIST");
  expect(await counted("transfersCompleted")).toBe((before.counted["transfersCompleted"] ?? 0) + 4);
  const opened = await counted("sessionsOpened");
  const victim = server.records.find(({ event }) => event === "workerServes")?.["processId"];
  process.kill(Number(victim), "SIGKILL");
  await expect.poll(() => counted("workerRestarts"), PATIENT).toBe(1);
  await expect.poll(async () => (await figures()).workers, PATIENT).toBe(2);
  expect(await counted("sessionsOpened")).toBe(opened);
  const alive = await Promise.all(
    sessions.map(({ client }) =>
      client.code("NOOP").then(
        () => 1,
        () => 0,
      ),
    ),
  );
  const left = alive.reduce<number>((sum, each) => sum + each, 0);
  expect(left).toBe(2);
  expect((await figures()).sessions).toBe(before.sessions + left);
  const { client } = await login();
  const data = await client.openData();
  const received = once(data.resume(), "end");
  await client.expect("RETR file.bin", 150);
  await received;
  expect((await client.reply()).code).toBe(226);
});
