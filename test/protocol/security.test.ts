/** TLS policies, injection, and logins that fail. */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

type TlsPolicy = Pick<NonNullable<ServerSettingsFile["tls"]>, "controlPolicy" | "dataPolicy">;

function startWith(policy: TlsPolicy): Promise<TestServer> {
  return startServer({ tls: true, tlsPolicy: policy });
}

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
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    client.send("AUTH TLS\r\nMKD injected\r\n");
    expect((await client.reply()).code).toBe(421);
    await client.closed();
    await expect(stat(join(server.dataFolder, "injected"))).rejects.toThrow();
  });

  it("never runs a line that began in the clear", async () => {
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    client.send("AUTH TLS\r\nMKD inj");
    expect((await client.reply()).code).toBe(421);
    await client.closed();
  });

  it("never runs what follows the reply in the clear instead of a handshake", async () => {
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("AUTH TLS", 234);
    client.send("MKD injected\r\nMKD injected2\r\n");
    await client.closed();
    await expect(stat(join(server.dataFolder, "injected"))).rejects.toThrow();
  });

  it("never runs what was read ahead behind AUTH while a transfer ran", async () => {
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("EPSV", 229);
    await client.expect("LIST", 150);
    client.send("AUTH TLS\r\nMKD injected3\r\nABOR\r\n");
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(421);
    await client.closed();
    await expect(stat(join(server.dataFolder, "injected3"))).rejects.toThrow();
  });

  it("drops a login that was made in the clear", async () => {
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    expect(await client.code("PWD")).toBe(530);
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    expect(await client.code("PWD")).toBe(257);
  });

  it("protects data connections after PROT P", async () => {
    await using client = await open();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    await client.expect("PBSZ 0", 200);
    await client.expect("PROT P", 200);
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
      await using client = await open();
      await client.expect("AUTH TLS", 234);
      await client.secure();
      await client.expect("USER alice", 331);
      await client.expect("PASS secret", 230);
      await client.expect("PBSZ 0", 200);
      await client.expect("PROT P", 200);
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
    await using client = await open();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    await client.expect("PBSZ 0", 200);
    await client.expect("PROT P", 200);
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

describe("control policy", () => {
  it("require: nothing but getting to TLS works in the clear", async () => {
    await using server = await startWith({ controlPolicy: "require", dataPolicy: "allow" });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    expect(await client.code("USER alice")).toBe(534);
    expect(await client.code("PASS secret")).toBe(534);
    expect(await client.code("PWD")).toBe(534);
    expect(await client.code("FEAT")).toBe(211);
    expect(await client.code("NOOP")).toBe(200);
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
  });

  it("requireForCredentials: passwords need TLS, anonymous logins do not", async () => {
    await using server = await startWith({
      controlPolicy: "requireForCredentials",
      dataPolicy: "allow",
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    expect(await client.code("USER alice")).toBe(534);
    expect(await client.code("PASS secret")).toBe(503);
    expect(await client.code("USER anonymous")).toBe(331);
    expect(await client.code("PASS me@example.org")).toBe(230);
    expect(await client.code("PWD")).toBe(257);
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
  });
});

describe("data policy", () => {
  const secured = async (server: TestServer): Promise<WireClient> => {
    const client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    return client;
  };

  it("require: PROT C is refused, and so are clear transfers", async () => {
    await using server = await startWith({ controlPolicy: "allow", dataPolicy: "require" });
    await using client = await secured(server);
    await client.expect("EPSV", 229);
    expect(await client.code("NLST")).toBe(521);
    await client.expect("PBSZ 0", 200);
    expect(await client.code("PROT C")).toBe(534);
    await client.expect("PROT P", 200);
    await using plain = await WireClient.open(server.host, server.controlPort);
    await plain.login();
    await plain.expect("EPSV", 229);
    expect(await plain.code("LIST")).toBe(521);
  });

  it("deny: PROT P is refused, clear transfers work", async () => {
    await using server = await startWith({ controlPolicy: "allow", dataPolicy: "deny" });
    await using client = await secured(server);
    await client.expect("PBSZ 0", 200);
    expect(await client.code("PROT P")).toBe(534);
    expect((await client.download("NLST")).codes).toEqual([150, 226]);
  });
});

describe("logins that fail", () => {
  it("are answered alike, later and later, and end the session", async () => {
    await using server = await startServer();
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    const texts: string[] = [];
    for (const user of ["alice", "nobody", "alice", "nobody"]) {
      await client.expect(`USER ${user}`, 331);
      texts.push((await client.command("PASS wrong")).text);
    }
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toMatch(/^530 /);
    await client.expect("USER alice", 331);
    expect(await client.code("PASS wrong")).toBe(421);
    await client.closed();
  }, 20_000);

  it("never put the password into the log", async () => {
    await using server = await startServer();
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("QUIT", 221);
    await server.logged("loggedIn");
    expect(JSON.stringify(server.records)).not.toContain("secret");
  });
});

describe("rights", () => {
  it("of a reader end at reading, those of a writer at writing", async () => {
    await using server = await startServer({
      accounts: { reader: "r", writer: "w" },
      permissions: { reader: ["read"], writer: ["write"] },
    });
    await using writer = await WireClient.open(server.host, server.controlPort);
    await writer.login("writer", "w");
    expect(await writer.upload("STOR f.txt", "x")).toEqual([150, 226]);
    expect((await writer.download("RETR f.txt")).codes).toEqual([550]);
    expect((await writer.download("LIST")).codes).toEqual([550]);
    expect(await writer.code("STAT /")).toBe(550);
    await using reader = await WireClient.open(server.host, server.controlPort);
    await reader.login("reader", "r");
    expect((await reader.download("RETR f.txt")).data).toBe("x");
    expect(await reader.upload("STOR f.txt", "y")).toEqual([550]);
    expect(await reader.upload("STOR g.txt", "y")).toEqual([550]);
    expect(await reader.upload("APPE f.txt", "y")).toEqual([550]);
    expect(await reader.upload("STOU", "y")).toEqual([550]);
    for (const line of [
      "DELE f.txt",
      "MKD d",
      "RMD d",
      "RNFR f.txt",
      "MFMT 20240101000000 f.txt",
      "SITE CHMOD 777 f.txt",
    ]) {
      expect([line, await reader.code(line)]).toEqual([line, 550]);
    }
    expect((await reader.expect("MLST f.txt", 250)).text).toContain("perm=r;");
  });

  it("to create do not include those to overwrite", async () => {
    await using server = await startServer({
      accounts: { drop: "d" },
      permissions: { drop: ["create"] },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login("drop", "d");
    expect(await client.upload("STOR once.txt", "x")).toEqual([150, 226]);
    expect(await client.upload("STOR once.txt", "y")).toEqual([550]);
    expect(await client.upload("APPE once.txt", "y")).toEqual([550]);
  });

  it("end at the home, which is made when it is missing", async () => {
    await using server = await startServer({
      accounts: { alice: "secret" },
      homes: { alice: "/homes/alice" },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.upload("STOR /../../mine.txt", "x");
    expect((await stat(join(server.dataFolder, "homes/alice/mine.txt"))).size).toBe(1);
    expect((await client.expect("PWD", 257)).text).toContain('"/"');
  });
});
