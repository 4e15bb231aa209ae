/** Explicit and implicit TLS: getting there, protected data, injection. */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";
import { startWith } from "./tls-server.ts";

describe("explicit TLS", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startWith({ controlPolicy: "allow", dataPolicy: "allow" });
  });
  afterAll(() => server[Symbol.asyncDispose]());
  const open = async (): Promise<WireClient> => {
    const client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    return client;
  };
  /** In the clear. */
  const openLoggedIn = async (): Promise<WireClient> => {
    const client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    return client;
  };
  /** Logged in under TLS, with private data connections. */
  const openPrivate = async (): Promise<WireClient> => {
    const client = await open();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    await client.expect("PBSZ 0", 200);
    await client.expect("PROT P", 200);
    return client;
  };

  it.each(["TLS", "TLS-C", "SSL", "TLS-P", "tls"])("begins with AUTH %s", async (mechanism) => {
    await using client = await open();
    await client.expect(`AUTH ${mechanism}`, 234);
    await client.secure();
    expect(await client.code("AUTH TLS")).toBe(503);
    expect(await client.code("PBSZ 0")).toBe(200);
    expect(await client.code("PROT P")).toBe(200);
    expect(await client.code("PROT C")).toBe(200);
    expect(await client.code("PROT S")).toBe(536);
    expect(await client.code("PROT X")).toBe(504);
    expect(await client.code("PBSZ -1")).toBe(501);
    expect(await client.code("PBSZ 4294967296")).toBe(501);
    expect(await client.code("CCC")).toBe(533);
  });

  it("refuses unknown mechanisms and PROT out of order", async () => {
    await using client = await open();
    expect(await client.code("AUTH KERBEROS_V4")).toBe(504);
    expect(await client.code("PBSZ 0")).toBe(503);
    await client.expect("AUTH TLS", 234);
    await client.secure();
    expect(await client.code("PROT P")).toBe(503);
  });

  it("never runs what was sent in the clear behind AUTH", async () => {
    await using client = await openLoggedIn();
    client.send("AUTH TLS\r\nMKD injected\r\n");
    expect((await client.reply()).code).toBe(421);
    await client.closed();
    await expect(stat(join(server.dataFolder, "injected"))).rejects.toThrow();
  });

  it("never runs a line that began in the clear", async () => {
    await using client = await openLoggedIn();
    client.send("AUTH TLS\r\nMKD inj");
    expect((await client.reply()).code).toBe(421);
    await client.closed();
  });

  it("never runs what follows the reply in the clear instead of a handshake", async () => {
    await using client = await openLoggedIn();
    await client.expect("AUTH TLS", 234);
    client.send("MKD injected\r\nMKD injected2\r\n");
    await client.closed();
    await expect(stat(join(server.dataFolder, "injected"))).rejects.toThrow();
  });

  it("never runs what was read ahead behind AUTH while a transfer ran", async () => {
    await using client = await openLoggedIn();
    await client.expect("EPSV", 229);
    await client.expect("LIST", 150);
    client.send("AUTH TLS\r\nMKD injected3\r\nABOR\r\n");
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(421);
    await client.closed();
    await expect(stat(join(server.dataFolder, "injected3"))).rejects.toThrow();
  });

  it("drops a login that was made in the clear", async () => {
    await using client = await openLoggedIn();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    expect(await client.code("PWD")).toBe(530);
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    expect(await client.code("PWD")).toBe(257);
  });

  it("protects data connections after PROT P", async () => {
    await using client = await openPrivate();
    await mkdir(join(server.dataFolder, "shown"), { recursive: true });
    const plain = await client.openData();
    await client.expect("NLST", 150);
    const data = connectTls({ socket: plain, rejectUnauthorized: false });
    let listing = "";
    data.on("data", (chunk: Buffer) => (listing += chunk.toString()));
    await once(data, "end");
    expect((await client.reply()).code).toBe(226);
    expect(listing).toContain("shown\r\n");
  });

  it.each(["before", "after"])(
    "stores an empty file from a client that begins the handshake %s STOR and leaves at once",
    async (moment) => {
      await using client = await openPrivate();
      const plain = await client.openData();
      const begin = (): TLSSocket => {
        const data = connectTls({ socket: plain, rejectUnauthorized: false });
        return data.on("error", () => undefined);
      };
      const early = moment === "before" ? begin() : undefined;
      // The ClientHello leaves in a later turn than a command that is sent now.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.expect(`STOR empty-${moment}`, 150);
      if (early === undefined) {
        const late = begin();
        await once(late, "secureConnect");
        late.end();
      } else {
        // As soon as the 150 is read: a server that waits for it loses the rest of the handshake.
        early.end();
      }
      expect((await client.reply()).code).toBe(226);
      expect((await stat(join(server.dataFolder, `empty-${moment}`))).size).toBe(0);
    },
  );

  it("answers 522 when the client does not speak TLS on a private data connection", async () => {
    await using client = await openPrivate();
    const plain = await client.openData();
    plain.on("error", () => undefined);
    await client.expect("STOR x", 150);
    plain.end("this is no handshake at all");
    expect((await client.reply()).code).toBe(522);
    expect(await client.code("NOOP")).toBe(200);
    await expect(stat(join(server.dataFolder, "x"))).rejects.toThrow();
  });

  it("serves implicit TLS, with private data from the start", async () => {
    await using client = await WireClient.openTls(server.host, server.implicitTlsPort);
    expect((await client.reply()).code).toBe(220);
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    expect(await client.code("AUTH TLS")).toBe(503);
    expect((await client.expect("STAT", 211)).text).toContain("data connections with TLS");
    expect(await client.code("PROT P")).toBe(200);
  });

  it("keeps data private after REIN with implicit TLS", async () => {
    await using client = await WireClient.openTls(server.host, server.implicitTlsPort);
    expect((await client.reply()).code).toBe(220);
    await client.expect("PBSZ 0", 200);
    await client.expect("PROT C", 200);
    await client.expect("REIN", 220);
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    expect((await client.expect("STAT", 211)).text).toContain("data connections with TLS");
  });

  it("survives clients that speak no TLS on the implicit port, or leave", async () => {
    for (const bytes of ["USER alice\r\n", ""]) {
      const socket = connect({ host: server.host, port: server.implicitTlsPort });
      socket.on("error", () => undefined);
      await once(socket, "connect");
      socket.end(bytes);
      socket.resume();
      await once(socket, "close");
    }
    await using client = await open();
    expect(await client.code("NOOP")).toBe(200);
  });
});
