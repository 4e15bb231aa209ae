/** Passive ports and active mode: leases, strangers, bounces. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";
import { closeOf, open, server, useTransferServer } from "./transfer-server.ts";

useTransferServer();

describe("passive ports", () => {
  it("replaces a lease by the next one", async () => {
    await using client = await open();
    const first = await client.openData();
    first.on("error", () => undefined);
    expect((await client.download("NLST")).codes).toEqual([150, 226]);
    first.destroy();
  });

  it("does not run out, however often a client asks", async () => {
    await using client = await open();
    for (let index = 0; index < 100; index++) await client.expect("EPSV", 229);
    expect((await client.download("NLST")).codes).toEqual([150, 226]);
  });

  it("gives leases back when sessions end", async () => {
    for (let index = 0; index < 60; index++) {
      await using client = await open();
      await client.expect("EPSV", 229);
    }
    await using client = await open();
    expect((await client.download("NLST")).codes).toEqual([150, 226]);
  });

  it("drops a stranger and serves the owner", async () => {
    await using client = await open();
    const { text } = await client.expect("EPSV", 229);
    const port = Number(/\|\|\|(\d+)\|/.exec(text)?.[1]);
    const stranger = connect({ host: server.host, port, localAddress: "127.0.0.2" });
    await closeOf(stranger);
    client.send("NLST\r\n");
    expect((await client.reply()).code).toBe(150);
    const late = connect({ host: server.host, port, localAddress: "127.0.0.2" });
    await closeOf(late);
    const owner = connect({ host: server.host, port });
    owner.resume();
    expect((await client.reply()).code).toBe(226);
  });

  it("advertises the control connection's address in 227", async () => {
    await using client = await open();
    const { text } = await client.expect("PASV", 227);
    expect(text).toMatch(/\(127,0,0,1,\d+,\d+\)/);
  });

  it("allows nothing but EPSV after EPSV ALL", async () => {
    await using client = await open();
    await client.expect("EPSV ALL", 200);
    expect(await client.code("PASV")).toBe(503);
    expect(await client.code("PORT 127,0,0,1,200,10")).toBe(503);
    expect(await client.code("EPRT |1|127.0.0.1|51210|")).toBe(503);
    expect(await client.code("EPSV")).toBe(229);
    expect(await client.code("EPSV 2")).toBe(522);
    expect(await client.code("EPSV 9")).toBe(522);
    expect(await client.code("EPSV x")).toBe(501);
  });

  it("refuses active mode, which is off", async () => {
    await using client = await open();
    expect(await client.code("PORT 127,0,0,1,200,10")).toBe(502);
    expect(await client.code("EPRT |1|127.0.0.1|51210|")).toBe(502);
  });
});

describe("active mode", () => {
  let active: TestServer;
  beforeAll(async () => {
    active = await startServer({ settings: { activeMode: true } });
  });
  afterAll(() => active[Symbol.asyncDispose]());

  const openActive = async (): Promise<WireClient> => {
    const client = await WireClient.open(active.host, active.controlPort);
    await client.login();
    return client;
  };

  async function listing(prepare: (port: number) => string): Promise<[number, number, number]> {
    await using client = await openActive();
    const listener = createServer();
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const accepted = once(listener, "connection") as Promise<[Socket]>;
    const address = listener.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await client.expect(prepare(port), 200);
    await client.expect("NLST", 150);
    const [socket] = await accepted;
    socket.resume();
    const from = socket.remotePort ?? 0;
    const { code } = await client.reply();
    listener.close();
    return [code, from, active.controlPort - 1];
  }

  it("connects from the data port, for PORT and EPRT", async () => {
    const port = await listening("PORT");
    expect(port[0]).toBe(226);
    expect(port[1]).toBe(port[2]);
    const eprt = await listening("EPRT");
    expect(eprt[0]).toBe(226);
  });

  const listening = (verb: "PORT" | "EPRT"): Promise<[number, number, number]> =>
    listing((port) =>
      verb === "PORT"
        ? `PORT 127,0,0,1,${String(port >> 8)},${String(port & 255)}`
        : `EPRT |1|127.0.0.1|${String(port)}|`,
    );

  it.each([
    ["PORT 127,0,0,2,200,10", 504],
    ["PORT 192,0,2,1,200,10", 504],
    ["PORT 127,0,0,1,0,25", 504],
    ["PORT 127,0,0,1,3,255", 504],
    ["PORT 127,0,0,1,200", 501],
    ["EPRT |1|127.0.0.2|51210|", 504],
    ["EPRT |1|127.0.0.1|1023|", 504],
    ["EPRT |2|::1|51210|", 522],
    ["EPRT |3|x|51210|", 522],
    ["EPRT nonsense", 501],
  ])("refuses to bounce: %s → %d", async (line, code) => {
    await using client = await openActive();
    expect(await client.code(line)).toBe(code);
    expect(await client.code("NLST")).toBe(425);
  });

  it("answers 425 when nobody listens there", async () => {
    await using client = await openActive();
    await client.expect("PORT 127,0,0,1,255,254", 200);
    await client.expect("NLST", 150);
    expect((await client.reply()).code).toBe(425);
  });
});
