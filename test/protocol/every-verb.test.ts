/** Every verb of the command table in good state: what it is for, on the wire. */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { COMMANDS } from "../../server/commands/table.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer({
    tls: true,
    tlsPolicy: { clearCommandChannel: true },
    settings: { activeMode: true },
  });
  for (const folder of ["folder", "x", "y"]) mkdirSync(join(server.dataFolder, folder));
  for (const name of ["a", "b", "c", "d", "e"]) {
    writeFileSync(join(server.dataFolder, name), "0123456789");
  }
});
afterAll(() => server[Symbol.asyncDispose]());

type Use = (client: WireClient) => Promise<unknown>;

/** Lines with their codes, one after the other. */
const says =
  (...lines: readonly (readonly [line: string, code: number])[]): Use =>
  async (client) => {
    for (const [line, code] of lines) await client.expect(line, code);
  };

const downloads =
  (line: string, content: RegExp): Use =>
  async (client) => {
    const { data, codes } = await client.download(line);
    expect(codes).toEqual([150, 226]);
    expect(data).toMatch(content);
  };

const uploads =
  (line: string): Use =>
  async (client) =>
    expect(await client.upload(line, "content")).toEqual([150, 226]);

/** The server connects to a port that the line names. */
const connectsBack =
  (format: (port: number) => string): Use =>
  async (client) => {
    const listener = createServer((socket) => socket.resume());
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const address = listener.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const connected = once(listener, "connection");
    await client.expect(format(address.port), 200);
    await client.expect("NLST", 150);
    await connected;
    expect((await client.reply()).code).toBe(226);
    listener.close();
  };

const secured: Use = async (client) => {
  await client.expect("AUTH TLS", 234);
  await client.secure();
  await client.expect("PBSZ 0", 200);
  await client.expect("PROT P", 200);
  await client.expect("USER alice", 331);
  await client.expect("PASS secret", 230);
};

const USES: Readonly<Record<string, Use>> = {
  USER: says(["USER alice", 331]),
  PASS: says(["USER alice", 331], ["PASS secret", 230]),
  ACCT: says(["ACCT x", 202]),
  REIN: says(["REIN", 220], ["PWD", 530]),
  QUIT: says(["QUIT", 221]),
  AUTH: secured,
  PBSZ: secured,
  PROT: secured,
  CCC: async (client) => {
    await secured(client);
    await client.expect("CCC", 200);
  },
  HOST: says(["REIN", 220], ["HOST default", 220]),
  TYPE: says(["TYPE A", 200], ["TYPE L 8", 200]),
  MODE: says(["MODE Z", 200], ["MODE S", 200]),
  "OPTS MODE": says(["OPTS MODE Z LEVEL 9", 200]),
  STRU: says(["STRU F", 200]),
  REST: async (client) => {
    await client.expect("REST 8", 350);
    await downloads("RETR a", /^89$/)(client);
  },
  RANG: async (client) => {
    await client.expect("RANG 2 3", 350);
    await downloads("RETR a", /^23$/)(client);
  },
  ALLO: says(["ALLO 100", 200]),
  PASV: says(["PASV", 227]),
  EPSV: says(["EPSV", 229]),
  PORT: connectsBack((port) => `PORT 127,0,0,1,${String(port >> 8)},${String(port & 255)}`),
  EPRT: connectsBack((port) => `EPRT |1|127.0.0.1|${String(port)}|`),
  CWD: says(["CWD folder", 250]),
  XCWD: says(["XCWD folder", 250]),
  CDUP: says(["CWD folder", 250], ["CDUP", 250]),
  XCUP: says(["CWD folder", 250], ["XCUP", 250]),
  PWD: says(["PWD", 257]),
  XPWD: says(["XPWD", 257]),
  MKD: says(["MKD new", 257]),
  XMKD: says(["XMKD xnew", 257]),
  RMD: says(["RMD x", 250]),
  XRMD: says(["XRMD y", 250]),
  RETR: downloads("RETR a", /^0123456789$/),
  STOR: uploads("STOR stored"),
  APPE: uploads("APPE stored"),
  STOU: async (client) => {
    const data = await client.openData();
    expect((await client.expect("STOU", 150)).text).toMatch(/^150 FILE: \S+$/);
    data.end("unique");
    expect((await client.reply()).code).toBe(226);
  },
  DELE: says(["DELE b", 250]),
  RNFR: says(["RNFR c", 350]),
  RNTO: says(["RNFR c", 350], ["RNTO renamed", 250]),
  SIZE: says(["SIZE a", 213]),
  MDTM: says(["MDTM a", 213]),
  MFMT: says(["MFMT 20240101000000 d", 213]),
  // No file system that Linux serves files from can do it.
  MFCT: says(["MFCT 20240101000000 d", 504]),
  MFF: says(["MFF Modify=20240101000000; d", 213]),
  MLST: says(["MLST a", 250]),
  MLSD: downloads("MLSD", /type=file;size=10;.* a\r\n/),
  LIST: downloads("LIST", / a\r\n/),
  NLST: downloads("NLST", /^a\r$/m),
  STAT: says(["STAT", 211], ["STAT a", 213], ["STAT /", 212]),
  AVBL: says(["AVBL", 213]),
  DSIZ: says(["DSIZ", 213]),
  HASH: says(["HASH a", 213]),
  "OPTS HASH": says(["OPTS HASH MD5", 200]),
  XCRC: says(["XCRC a", 250]),
  XMD5: says(["XMD5 a", 250]),
  XSHA: says(["XSHA a", 250]),
  XSHA1: says(["XSHA1 a", 250]),
  XSHA256: says(["XSHA256 a", 250]),
  XSHA512: says(["XSHA512 a", 250]),
  "OPTS UTF8": says(["OPTS UTF8 ON", 200]),
  "OPTS UTF-8": says(["OPTS UTF-8 ON", 200]),
  "OPTS MLST": says(["OPTS MLST size;", 200]),
  OPTS: says(["OPTS X", 501]),
  CLNT: says(["CLNT tests", 200]),
  CSID: says(["CSID Name=tests;", 200]),
  LANG: says(["LANG en", 200]),
  "SITE HELP": says(["SITE HELP", 214], ["SITE HELP QUOTA", 214]),
  "SITE CHMOD": says(["SITE CHMOD 600 e", 200]),
  "SITE UTIME": says(["SITE UTIME 20240101000000 e", 200]),
  "SITE QUOTA": says(["SITE QUOTA", 200]),
  SITE: says(["SITE X", 504]),
  FEAT: says(["FEAT", 211]),
  HELP: says(["HELP", 214], ["HELP STOR", 214]),
  SYST: says(["SYST", 215]),
  NOOP: says(["NOOP", 200]),
  ABOR: says(["EPSV", 229], ["ABOR", 226], ["NLST", 425]),
};

it("has a use for every verb of the table, and no other", () => {
  expect(Object.keys(USES).toSorted()).toEqual([...COMMANDS.keys()].toSorted());
});

it.each(Object.entries(USES))("%s", async (_verb, use) => {
  await using client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  await use(client);
});
