/** What is bounded: time without login, without command, without data; sessions; storage's faults. */
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { StorageError, type StorageAdapter } from "../../server/storage/storage.ts";
import { startInProcess, type InProcessServer } from "../support/in-process-server.ts";
import { WireClient } from "../support/wire-client.ts";

const openStorage = (folder: string): Promise<StorageAdapter> => LocalDisk.open(folder);

const open = async (server: InProcessServer): Promise<WireClient> => {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
};

describe("time", () => {
  it("without a login ends, however busy the client is", async () => {
    await using server = await startInProcess({
      openStorage,
      limits: { unauthenticatedSeconds: 1 },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    expect((await client.reply()).code).toBe(220);
    let code = 200;
    while (code === 200) code = await client.code("NOOP");
    expect(code).toBe(421);
    await client.closed();
  });

  it("without a command ends, unless a transfer runs", async () => {
    await using server = await startInProcess({ openStorage, limits: { idleSessionSeconds: 1 } });
    await using idle = await open(server);
    await using busy = await open(server);
    const data = await busy.openData();
    await busy.expect("STOR slow.bin", 150);
    expect((await idle.reply()).code).toBe(421);
    await idle.closed();
    data.end("done");
    expect((await busy.reply()).code).toBe(226);
  });

  it("without a data connection ends with 425, and the session goes on", async () => {
    await using server = await startInProcess({
      openStorage,
      limits: { dataConnectionSeconds: 1 },
    });
    await using client = await open(server);
    await client.expect("EPSV", 229);
    await client.expect("LIST", 150);
    expect((await client.reply()).code).toBe(425);
    expect((await client.download("NLST")).codes).toEqual([150, 226]);
  });

  it("without a byte on the data connection ends with 426", async () => {
    await using server = await startInProcess({ openStorage, limits: { dataIdleSeconds: 1 } });
    await using client = await open(server);
    const data = await client.openData();
    data.on("error", () => undefined);
    await client.expect("STOR silent.bin", 150);
    expect((await client.reply()).code).toBe(426);
    expect(await client.code("NOOP")).toBe(200);
  });
});

describe("sessions", () => {
  it("of one address are bounded, and freed when they end", async () => {
    await using server = await startInProcess({ openStorage, limits: { sessionsPerAddress: 2 } });
    const first = await open(server);
    await using _second = await open(server);
    await using third = await WireClient.open(server.host, server.controlPort);
    expect((await third.reply()).code).toBe(421);
    await third.closed();
    await using elsewhere = await WireClient.open(server.host, server.controlPort, "127.0.0.3");
    expect((await elsewhere.reply()).code).toBe(220);
    await first.expect("QUIT", 221);
    await first.closed();
    await first[Symbol.asyncDispose]();
    await expect.poll(() => server.server.gauges().sessions).toBe(2);
    await using again = await open(server);
    expect(await again.code("NOOP")).toBe(200);
  });

  it("leave nothing behind, however they end", async () => {
    await using server = await startInProcess({ openStorage });
    for (let index = 0; index < 50; index++) {
      const socket = connect({ host: server.host, port: server.controlPort });
      socket.on("error", () => undefined);
      await once(socket, "connect");
      socket.write("USER alice\r\nPASS secret\r\nEPSV\r\nLIST\r\n");
      if (index % 3 === 0) socket.resetAndDestroy();
      else if (index % 3 === 1) socket.end();
      else setTimeout(() => socket.destroy(), index);
      await new Promise((resolve) => socket.once("close", resolve).resume());
    }
    await expect
      .poll(() => server.server.gauges())
      .toMatchObject({
        sessions: 0,
        transfers: 0,
        passivePending: 0,
      });
    expect(server.records.filter(({ event }) => event === "bug")).toEqual([]);
  });
});

describe("storage that fails", () => {
  /** The real disk, of which one operation is another. */
  const replacing =
    (operation: keyof StorageAdapter, by: () => unknown) => async (folder: string) => {
      const disk: StorageAdapter = await LocalDisk.open(folder);
      return new Proxy(disk, {
        get: (target, name) => {
          if (name === operation) return by;
          const member: unknown = Reflect.get(target, name);
          return typeof member === "function" ? member.bind(target) : member;
        },
      });
    };

  const failing = (operation: keyof StorageAdapter, error: Error) =>
    replacing(operation, () => Promise.reject(error));

  it.each([
    ["noSpace", 452],
    ["quotaExceeded", 552],
    ["denied", 550],
    ["busy", 450],
    ["unavailable", 451],
  ] as const)("with %s is answered %d", async (kind, code) => {
    const broken = failing("openWrite", new StorageError(kind));
    await using server = await startInProcess({ openStorage: broken });
    await using client = await open(server);
    expect(await client.upload("STOR x", "x")).toEqual([code]);
    expect(await client.code("NOOP")).toBe(200);
  });

  it("without an end leaves ABOR heard while a folder is added up", async () => {
    async function* endless() {
      for (;;) yield await Promise.resolve([]);
    }
    await using server = await startInProcess({ openStorage: replacing("list", endless) });
    await using client = await open(server);
    client.send("DSIZ\r\nABOR\r\n");
    expect((await client.reply()).code).toBe(451);
    expect((await client.reply()).code).toBe(226);
    await client.expect("NOOP", 200);
  });

  it("while several facts are changed leaves all of them as they were", async () => {
    const broken = failing("setMode", new StorageError("denied"));
    await using server = await startInProcess({ openStorage: broken });
    await using client = await open(server);
    expect(await client.upload("STOR x", "x")).toEqual([150, 226]);
    await client.expect("MFMT 20200101000000 x", 213);
    await client.expect("MFF Modify=20240229120000;UNIX.mode=0600; x", 550);
    expect((await client.expect("MDTM x", 213)).text).toContain("20200101000000");
  });

  it("unexpectedly is logged, answered 421 and not explained to the client", async () => {
    const broken = failing("entry", new TypeError("secret detail"));
    await using server = await startInProcess({ openStorage: broken });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    await client.expect("USER alice", 331);
    const { code, text } = await client.command("PASS secret");
    expect(code).toBe(421);
    expect(text).not.toContain("detail");
    await client.closed();
    expect(String(server.records.find(({ event }) => event === "bug")?.["error"])).toContain(
      "secret detail",
    );
  });
});
