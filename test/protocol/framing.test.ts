/** How commands arrive: in one piece, in many, too long, with bytes that no command has. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { memoryKib } from "../support/process-memory.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const open = async (): Promise<WireClient> => {
  const client = await WireClient.open(server.host, server.controlPort);
  expect((await client.reply()).code).toBe(220);
  return client;
};

it("answers pipelined commands in order", async () => {
  await using client = await open();
  client.send("USER alice\r\nPASS secret\r\nSYST\r\nPWD\r\nNOPE\r\nQUIT\r\n");
  const codes: number[] = [];
  for (let index = 0; index < 6; index++) codes.push((await client.reply()).code);
  expect(codes).toEqual([331, 230, 215, 257, 500, 221]);
});

it("answers what was sent before the client closed its side", async () => {
  await using client = await open();
  client.socket.end("NOOP\r\nSYST\r\n");
  expect((await client.reply()).code).toBe(200);
  expect((await client.reply()).code).toBe(215);
  expect((await client.reply()).code).toBe(221);
});

it("answers commands sent byte by byte", async () => {
  await using client = await open();
  client.socket.setNoDelay(true);
  for (const byte of Buffer.from("SYST\r\nNOOP\r\n")) {
    client.send(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await client.reply()).code).toBe(215);
  expect((await client.reply()).code).toBe(200);
});

it("answers when CR and LF come in separate segments, and to a lone LF", async () => {
  await using client = await open();
  client.socket.setNoDelay(true);
  client.send("NOOP\r");
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.send("\n");
  expect((await client.reply()).code).toBe(200);
  client.send("SYST\n");
  expect((await client.reply()).code).toBe(215);
});

it.each([10_000, 70_000, 900_000])(
  "answers a line of %d bytes once and goes on",
  async (length) => {
    await using client = await open();
    client.send(`NOOP ${"x".repeat(length)}\r\n`);
    expect((await client.reply()).code).toBe(500);
    expect(await client.code("NOOP")).toBe(200);
  },
);

it("answers an over-long line before its end, and closes when it never ends", async () => {
  await using client = await open();
  client.send("x".repeat(10_000));
  expect((await client.reply()).code).toBe(500);
  client.send("x".repeat(2 * 1024 * 1024));
  expect((await client.reply()).code).toBe(421);
  await client.closed();
});

it.each([
  ["NUL", "DELE a\0b\r\n"],
  ["a lone CR", "DELE a\rNOOP\r\n"],
  ["bytes that are not UTF-8", Buffer.from([0x44, 0x45, 0x4c, 0x45, 0x20, 0xc3, 0x28, 0x0d, 0x0a])],
])("refuses a line with %s, and goes on", async (_what, bytes) => {
  await using client = await open();
  await client.expect("USER alice", 331);
  await client.expect("PASS secret", 230);
  client.send(bytes);
  expect((await client.reply()).code).toBe(501);
  expect(await client.code("NOOP")).toBe(200);
});

it.each([
  ...["GET / HTTP/1.1", "POST / HTTP/1.1", "HEAD / HTTP/1.0", "PRI * HTTP/2.0", "put /"],
  ...["PROPFIND / HTTP/1.1", "MKCOL /x HTTP/1.1", "LOCK /", "BREW /pot HTTP/1.1"],
  ...["OPTIONS * RTSP/1.0", "RETR /page HTTP/1.1"],
])("closes on %s and runs nothing of what follows", async (request) => {
  await using client = await open();
  client.send(`${request}\r\nHost: x\r\n\r\nUSER alice\r\nPASS secret\r\nMKD planted\r\n`);
  expect((await client.reply()).code).toBe(421);
  expect(await client.closed()).toBe("");
});

it.each([
  ["longer than any line", Buffer.from(`POST /${"a".repeat(10_000)} HTTP/1.1`)],
  ["not UTF-8", Buffer.from("POST /\u00ff HTTP/1.1", "latin1")],
  ["with NUL", Buffer.from("POST /\0 HTTP/1.1")],
])("closes on a web request that is %s, too", async (_what, request) => {
  await using client = await open();
  client.send(request);
  client.send("\r\nHost: x\r\n\r\nUSER alice\r\nPASS secret\r\nMKD planted\r\n");
  expect((await client.reply()).code).toBe(421);
  expect(await client.closed()).toBe("");
});

it("takes a name that merely mentions a protocol for a name", async () => {
  await using client = await open();
  await client.expect("USER alice", 331);
  await client.expect("PASS secret", 230);
  expect(await client.code("MKD HTTP 1.1 notes")).toBe(257);
  expect(await client.code("CWD HTTP 1.1 notes")).toBe(250);
});

it("refuses Telnet options and hears commands around them", async () => {
  await using client = await open();
  const received = new Promise<Buffer>((resolve) => client.socket.once("data", resolve));
  client.send(Buffer.from([0xff, 0xfd, 0x01]));
  expect([...(await received)]).toEqual([0xff, 0xfc, 0x01]);
  client.send("SYST\r\n");
  await expect.poll(() => client.received).toContain("215 ");
});

it("stops reading from a client that does not read its replies", async () => {
  await using client = await open();
  client.socket.pause();
  const line = "HELP\r\n".repeat(10_000);
  let accepted = 0;
  const before = memoryKib(server.process.pid, "VmRSS");
  for (let round = 0; round < 200; round++) {
    if (!client.socket.write(line)) break;
    accepted += line.length;
  }
  // Gives the server time to take all that it would take.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const after = memoryKib(server.process.pid, "VmRSS");
  expect(after - before).toBeLessThan(40 * 1024);
  expect(client.socket.writableLength + accepted).toBeGreaterThan(0);
  await using other = await open();
  expect(await other.code("NOOP")).toBe(200);
});
