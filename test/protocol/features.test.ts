/** FEAT announces nothing that does not work: every line has a proof here, and no proof is left. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ tls: true });
  await writeFile(join(server.dataFolder, "f.txt"), "0123456789");
  await writeFile(join(server.dataFolder, "ü ä.txt"), "names");
});
afterAll(() => server[Symbol.asyncDispose]());

/** What a client that reads the line may rely on. Runs in a session of its own. */
type Proof = (client: WireClient) => Promise<unknown>;

const answers =
  (line: string, code: number, text = /(?:)/): Proof =>
  async (client) =>
    expect((await client.expect(line, code)).text).toMatch(text);

const SHA_256 = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/** By the first word of the line; the whole line where words differ in what they promise. */
const PROOFS: Readonly<Record<string, Proof>> = {
  "AUTH TLS": answers("AUTH TLS", 234),
  PBSZ: async (client) => {
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await answers("PBSZ 0", 200)(client);
  },
  PROT: async (client) => {
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("PBSZ 0", 200);
    await client.expect("PROT P", 200);
    await client.expect("PROT C", 200);
  },
  EPSV: answers("EPSV", 229, /\(\|\|\|\d+\|\)/),
  "REST STREAM": async (client) => {
    await client.expect("REST 7", 350);
    expect((await client.download("RETR f.txt")).data).toBe("789");
  },
  "RANG STREAM": async (client) => {
    await client.expect("RANG 3 5", 350);
    expect((await client.download("RETR f.txt")).data).toBe("345");
  },
  "MODE Z": async (client) => {
    await client.expect("MODE Z", 200);
    expect(await client.upload("STOR z.txt", deflateSync("shrunk"))).toEqual([150, 226]);
    await client.expect("MODE S", 200);
    expect((await client.download("RETR z.txt")).data).toBe("shrunk");
    await client.expect("DELE z.txt", 250);
  },
  HOST: async (client) => {
    await client.expect("REIN", 220);
    await client.expect(`HOST ${server.host}`, 220);
  },
  SIZE: answers("SIZE f.txt", 213, /^213 10$/),
  MDTM: answers("MDTM f.txt", 213, /^213 \d{14}$/),
  MFMT: answers("MFMT 20240101000000 f.txt", 213, /^213 Modify=20240101000000; /),
  "MFF Modify;UNIX.mode;": answers(
    "MFF Modify=20240101000000;UNIX.mode=0640; f.txt",
    213,
    /^213 Modify=20240101000000;UNIX.mode=0640; /,
  ),
  "MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;": answers(
    "MLST f.txt",
    250,
    /\r\n type=file;size=10;modify=\d{14};perm=\w+;unique=[^;]+;UNIX\.mode=0\d{3}; /,
  ),
  AVBL: answers("AVBL", 213, /^213 \d+$/),
  DSIZ: answers("DSIZ", 213, /^213 15$/),
  "HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32;": async (client) => {
    await answers("HASH f.txt", 213, new RegExp(`^213 SHA-256 0-9 ${SHA_256} f\\.txt$`))(client);
    for (const name of ["SHA-512", "SHA-1", "MD5", "CRC32"]) {
      await client.expect(`OPTS HASH ${name}`, 200);
      await answers("HASH f.txt", 213, new RegExp(`^213 ${name} 0-9 [0-9a-f]+ `))(client);
    }
  },
  XCRC: answers("XCRC f.txt", 250, /^250 A684C7C6$/),
  XMD5: answers("XMD5 f.txt", 250, /^250 781E5E245D69B566979B86E28D23F2C7$/),
  XSHA: answers("XSHA f.txt", 250, /^250 87ACEC17CD9DCD20A716CC2CF67417B71C8A7016$/),
  XSHA1: answers("XSHA1 f.txt", 250, /^250 87ACEC17CD9DCD20A716CC2CF67417B71C8A7016$/),
  XSHA256: answers("XSHA256 f.txt", 250, new RegExp(`^250 ${SHA_256}$`, "i")),
  XSHA512: answers("XSHA512 f.txt", 250, /^250 [0-9A-F]{128}$/),
  UTF8: async (client) => {
    await client.expect("OPTS UTF8 ON", 200);
    expect((await client.download("NLST")).data).toContain("ü ä.txt\r\n");
    expect((await client.download("RETR ü ä.txt")).data).toBe("names");
  },
  TVFS: answers("CWD /.//../", 250),
  CLNT: answers("CLNT tests", 200),
  CSID: answers("CSID Name=tests;", 200),
  "LANG EN*": answers("LANG EN", 200),
};

const PROVEN = Object.entries(PROOFS);

describe("FEAT", () => {
  const announced = async (): Promise<string[]> => {
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    const { text } = await client.expect("FEAT", 211);
    return text
      .split("\r\n")
      .slice(1, -1)
      .map((line) => line.slice(1));
  };

  it("lists exactly what is proven below", async () => {
    const lines = await announced();
    expect(lines.filter((line) => PROOFS[line] === undefined)).toEqual([]);
    expect(PROVEN.map(([line]) => line).filter((line) => !lines.includes(line))).toEqual([]);
  });

  it.each(PROVEN)("%s", async (_line, prove) => {
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await prove(client);
  });
});
