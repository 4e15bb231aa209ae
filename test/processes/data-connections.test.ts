/** Passive ports of a running server against clients that break off and strangers that connect. */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePorts } from "../support/free-ports.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient, type WireReply } from "../support/wire-client.ts";

const CLIENT = "127.0.0.1";
const STRANGER = "127.0.0.2";

describe.each([[1], [2]])("with %i worker processes", (workers) => {
  let server: TestServer;
  let healthProbePort: number;

  beforeAll(async () => {
    const [controlPort = 0, health = 0] = await freePorts(CLIENT, 2);
    healthProbePort = health;
    server = await startServer({
      settings: {
        workers,
        listen: { addresses: [CLIENT], controlPort, healthProbePort },
        // One far longer than any test waits.
        sites: [
          { name: "patient.example", timeouts: { dataSeconds: 3600 } },
          { name: "short.example", timeouts: { dataSeconds: 1 } },
        ],
      },
    });
    await writeFile(join(server.dataFolder, "file.txt"), "content");
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function login(site?: string): Promise<WireClient> {
    const client = await WireClient.open(server.host, server.settings.listen.controlPort ?? 21);
    if (site !== undefined) {
      await client.reply();
      await client.expect(`HOST ${site}`, 220);
      await client.expect("USER alice", 331);
      await client.expect("PASS secret", 230);
    } else {
      await client.login();
    }
    return client;
  }

  async function passivePort(client: WireClient): Promise<number> {
    const { text } = await client.expect("EPSV", 229);
    return Number(/\|(\d+)\|/.exec(text)?.[1]);
  }

  const dial = (port: number, localAddress = CLIENT): Socket =>
    connect({ host: CLIENT, port, localAddress }).on("error", () => undefined);

  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) =>
      socket.destroyed ? resolve() : socket.once("close", () => resolve()),
    );

  /** With or without a 150 before it. */
  async function lastReply(client: WireClient, command: string): Promise<WireReply> {
    const first = await client.command(command);
    return first.code === 150 ? client.reply() : first;
  }

  async function pendingLeases(): Promise<number> {
    const url = `http://${CLIENT}:${String(healthProbePort)}/status`;
    return ((await (await fetch(url)).json()) as { passivePending: number }).passivePending;
  }

  it("one that is reset at once is answered at once, and the session goes on", async () => {
    await using client = await login();
    for (const command of ["RETR file.txt", "STOR other.txt", "LIST"]) {
      const data = dial(await passivePort(client));
      await once(data, "connect");
      data.resetAndDestroy();
      expect([425, 426]).toContain((await lastReply(client, command)).code);
    }
    expect((await client.download("RETR file.txt")).data).toBe("content");
  });

  it("strangers are dropped, before and after the owner came", async () => {
    await using client = await login();
    for (const early of [true, false]) {
      const port = await passivePort(client);
      const owner = early ? undefined : dial(port);
      if (owner !== undefined) await once(owner, "connect");
      const stranger = dial(port, STRANGER);
      await closed(stranger);
      const data = owner ?? dial(port);
      let received = "";
      data.on("data", (chunk: Buffer) => (received += chunk.toString()));
      await client.expect("RETR file.txt", 150);
      expect((await client.reply()).code).toBe(226);
      await closed(data);
      expect(received).toBe("content");
    }
  });

  it("a lease that nobody uses ends with the time for data connections", async () => {
    await using client = await login("short.example");
    const before = await pendingLeases();
    const port = await passivePort(client);
    expect(await pendingLeases()).toBe(before + 1);
    await expect.poll(pendingLeases, { timeout: 20_000, interval: 200 }).toBe(before);
    await client.expect("NOOP", 200);
    const late = dial(port);
    await closed(late);
    expect((await lastReply(client, "RETR file.txt")).code).toBe(425);
  });
});
