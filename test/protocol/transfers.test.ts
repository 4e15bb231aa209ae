/** What happens around a transfer: ABOR, NOOP, STAT, QUIT, strangers, cuts, bounces. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat, truncate, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

let server: TestServer;
const BIG_BYTES = 256 * 1024 * 1024;

beforeAll(async () => {
  server = await startServer({ passivePorts: 20 });
  await writeFile(join(server.dataFolder, "big"), "");
  await truncate(join(server.dataFolder, "big"), BIG_BYTES);
});
afterAll(() => server[Symbol.asyncDispose]());

const open = async (): Promise<WireClient> => {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
};

/** Resolves when a socket is closed, by whatever. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => undefined).once("close", () => resolve());
  });
}

/** A download that hangs: 150 was sent, nobody reads the data. */
async function hangingDownload(client: WireClient): Promise<Socket> {
  const data = await client.openData();
  data.pause();
  data.on("error", () => undefined);
  const begun = once(data, "readable");
  expect((await client.command("RETR big")).code).toBe(150);
  // Until the server has taken the connection, a reset would leave it without a peer.
  await begun;
  return data;
}

describe("during a transfer", () => {
  it("answers NOOP and STAT without disturbing it", async () => {
    await using client = await open();
    const data = await client.openData();
    await client.expect("STOR noop.bin", 150);
    data.write("first ");
    expect(await client.code("NOOP")).toBe(200);
    expect((await client.expect("STAT", 211)).text).toContain("receiving /noop.bin");
    expect(await client.code("NOOP")).toBe(200);
    data.end("second");
    expect((await client.reply()).code).toBe(226);
    expect(await readFile(join(server.dataFolder, "noop.bin"), "utf8")).toBe("first second");
  });

  it("lets every other command wait for its end, in order", async () => {
    await using client = await open();
    const data = await client.openData();
    await client.expect("STOR wait.bin", 150);
    client.send("PWD\r\nNOOP\r\nSIZE wait.bin\r\n");
    data.end("12345");
    const codes: string[] = [];
    for (let index = 0; index < 4; index++) codes.push((await client.reply()).text.slice(0, 5));
    expect(codes).toEqual(["226 T", '257 "', "200 O", "213 5"]);
  });

  it("ends with ABOR: 426, then 226", async () => {
    await using client = await open();
    const data = await hangingDownload(client);
    client.send("ABOR\r\n");
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(226);
    data.destroy();
    expect(await client.code("NOOP")).toBe(200);
    expect((await client.download("NLST")).codes).toEqual([150, 226]);
  });

  it.each([
    ["the Telnet Synch", Buffer.from([0xff, 0xf4, 0xff, 0xf2, 0x41, 0x42, 0x4f, 0x52, 0x0d, 0x0a])],
    ["the LF lost as urgent data", Buffer.from("ABOR\r")],
  ])("hears ABOR with %s", async (_what, bytes) => {
    await using client = await open();
    const data = await hangingDownload(client);
    client.send(bytes);
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(226);
    data.destroy();
    expect(await client.code("NOOP")).toBe(200);
  });

  it("leaves the former file alone when an upload is aborted", async () => {
    await writeFile(join(server.dataFolder, "old.txt"), "old");
    await using client = await open();
    const data = await client.openData();
    data.on("error", () => undefined);
    await client.expect("STOR old.txt", 150);
    data.write("new");
    client.send("ABOR\r\n");
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(226);
    expect(await readFile(join(server.dataFolder, "old.txt"), "utf8")).toBe("old");
  });

  it("lets it finish before QUIT is answered", async () => {
    await using client = await open();
    const data = await client.openData();
    await client.expect("STOR quit.bin", 150);
    client.socket.end("QUIT\r\n");
    await new Promise((resolve) => setTimeout(resolve, 100));
    data.end("all of it");
    expect((await client.reply()).code).toBe(226);
    expect((await client.reply()).code).toBe(221);
    expect(await readFile(join(server.dataFolder, "quit.bin"), "utf8")).toBe("all of it");
  });

  it("aborts it when the control connection closes without QUIT", async () => {
    await writeFile(join(server.dataFolder, "cut.txt"), "old");
    await using client = await open();
    const data = await client.openData();
    data.on("error", () => undefined);
    const closed = closeOf(data);
    await client.expect("STOR cut.txt", 150);
    data.write("new");
    client.socket.destroy();
    await closed;
    expect(await readFile(join(server.dataFolder, "cut.txt"), "utf8")).toBe("old");
  });

  it.each([
    ["FIN", (socket: Socket): void => void socket.end()],
    ["RST", (socket: Socket): void => void socket.resetAndDestroy()],
  ])("does not take the end of a client that dies for the end of its file (%s)", async (_, die) => {
    await writeFile(join(server.dataFolder, "died.txt"), "old");
    const client = await open();
    const data = await client.openData();
    data.on("error", () => undefined);
    await client.expect("STOR died.txt", 150);
    data.write("half of what was to ");
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = closeOf(client.socket);
    data.end();
    die(client.socket);
    await closed;
    await using other = await open();
    expect(await other.code("NOOP")).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await readFile(join(server.dataFolder, "died.txt"), "utf8")).toBe("old");
  });

  it("queues a bounded number of commands and loses none", async () => {
    await using client = await open();
    const data = await client.openData();
    await client.expect("STOR many.bin", 150);
    client.send("PWD\r\n".repeat(200));
    data.end("x");
    expect((await client.reply()).code).toBe(226);
    for (let index = 0; index < 200; index++) expect((await client.reply()).code).toBe(257);
  });
});

describe("a transfer that is cut", () => {
  it("answers 426 to a download whose client resets", async () => {
    await using client = await open();
    const data = await hangingDownload(client);
    data.resetAndDestroy();
    expect((await client.reply()).code).toBe(426);
  });

  it("answers 426 to an upload whose client resets, and keeps the former file", async () => {
    await writeFile(join(server.dataFolder, "reset.txt"), "old");
    await using client = await open();
    const data = await client.openData();
    await client.expect("STOR reset.txt", 150);
    data.write("new");
    // A connection that is reset before the server takes it has no peer: nobody's, to the server.
    for (let status = ""; !status.includes(", 3 bytes");) {
      status = (await client.command("STAT")).text;
    }
    data.resetAndDestroy();
    expect((await client.reply()).code).toBe(426);
    expect(await readFile(join(server.dataFolder, "reset.txt"), "utf8")).toBe("old");
  });
});

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

it("serves python's abort, which sends ABOR as urgent data", async () => {
  const script = `
import ftplib, sys
ftp = ftplib.FTP()
ftp.connect("127.0.0.1", ${String(server.controlPort)}, timeout=10)
ftp.login("alice", "secret")
ftp.voidcmd("TYPE I")
conn = ftp.transfercmd("RETR big")
conn.recv(1000)
print(ftp.abort()[:3])
conn.close()
print(ftp.getresp()[:3])
print(ftp.voidcmd("NOOP")[:3])
`;
  const python = spawn("python3", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  python.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(python, "close");
  expect(output.split("\n")).toEqual(["426", "226", "200", ""]);
});

it("streams a file as large as it is", async () => {
  await using client = await open();
  const data = await client.openData();
  let bytes = 0;
  data.on("data", (chunk: Buffer) => (bytes += chunk.length));
  const ended = once(data, "close");
  await client.expect("RETR big", 150);
  await ended;
  expect((await client.reply()).code).toBe(226);
  expect(bytes).toBe((await stat(join(server.dataFolder, "big"))).size);
});
