/** What happens around a transfer: ABOR, NOOP, STAT, QUIT, cuts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isInstalled } from "../support/programs.ts";
import type { WireClient } from "../support/wire-client.ts";
import { closeOf, open, server, useTransferServer } from "./transfer-server.ts";

useTransferServer();

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

it.skipIf(!isInstalled("python3"))(
  "serves python's abort, which sends ABOR as urgent data",
  async () => {
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
  },
);

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
