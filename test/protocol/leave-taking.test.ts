/** How the server ends sessions of its own accord: told first, and never at somebody else's pace. */
import { writeFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { startInProcess, type InProcessServer } from "../support/in-process-server.ts";
import { startServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const start = (): Promise<InProcessServer> =>
  startInProcess({ openStorage: (folder) => LocalDisk.open(folder) });

const open = async (server: InProcessServer): Promise<WireClient> => {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
};

describe("at the deadline of a drain", () => {
  it("a transfer is aborted and answered, and the session told, before both close", async () => {
    await using server = await start();
    await writeFile(join(server.dataFolder, "kept.txt"), "before");
    await using client = await open(server);
    const data = await client.openData();
    data.on("error", () => undefined);
    await client.expect("STOR kept.txt", 150);
    data.write("half of what was to co");
    await client.expect("NOOP", 200);
    const drained = server.server.drain({
      deadline: AbortSignal.timeout(100),
      idleMilliseconds: 0,
    });
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(421);
    expect(await client.closed()).toBe("");
    client.socket.end();
    await drained;
    expect(await readFile(join(server.dataFolder, "kept.txt"), "utf8")).toBe("before");
  });

  it("a calculation ends as well", async () => {
    await using server = await start();
    const { open: openFile } = await import("node:fs/promises");
    const huge = await openFile(join(server.dataFolder, "huge"), "w");
    await huge.truncate(2 ** 42);
    await huge.close();
    await using client = await open(server);
    client.send("HASH huge\r\n");
    await using other = await open(server);
    const drained = server.server.drain({
      deadline: AbortSignal.timeout(100),
      idleMilliseconds: 0,
    });
    expect((await other.reply()).code).toBe(421);
    expect((await client.reply()).code).toBe(451);
    expect((await client.reply()).code).toBe(421);
    client.socket.end();
    other.socket.end();
    await drained;
  });
});

it("the time without a login is that of the site which the client chose", async () => {
  await using server = await startServer({
    settings: {
      sites: [
        { name: "patient.example", timeouts: { unauthenticatedSeconds: 600 } },
        { name: "brisk.example", timeouts: { unauthenticatedSeconds: 1 } },
      ],
    },
  });
  await using patient = await WireClient.open(server.host, server.controlPort);
  await patient.reply();
  await using brisk = await WireClient.open(server.host, server.controlPort);
  await brisk.reply();
  await brisk.expect("HOST brisk.example", 220);
  await using named = await WireClient.open(server.host, server.controlPort);
  await named.reply();
  await named.expect("USER brisk.example|alice", 331);
  expect((await brisk.reply()).code).toBe(421);
  expect((await named.reply()).code).toBe(421);
  expect(await patient.code("NOOP")).toBe(200);
});

it("an account that expires is let go at its next command", async () => {
  await using server = await startServer({ accounts: { alice: "secret", bob: "secret" } });
  await using alice = await WireClient.open(server.host, server.controlPort);
  await alice.login();
  await using bob = await WireClient.open(server.host, server.controlPort);
  await bob.login("bob");
  const expires = new Date(Date.now() + 3000).toISOString();
  const accounts = server.settings.accounts?.map((account) =>
    account.name === "alice" ? { ...account, expires } : account,
  );
  await writeFile(server.settingsFile, JSON.stringify({ ...server.settings, accounts }));
  let code = 200;
  while (code === 200) code = await alice.code("NOOP");
  expect(code).toBe(421);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires));
  expect(await bob.code("NOOP")).toBe(200);
});
