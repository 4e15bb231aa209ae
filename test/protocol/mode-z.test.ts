/** MODE Z: zlib streams on the data connection, both ways, whole or not at all. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { duplexPair } from "node:stream";
import { connect as connectTls } from "node:tls";
import { deflateSync, inflateSync } from "node:zlib";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WireClient } from "../support/wire-client.ts";
import { client, dataPath, server, useLoggedInClient } from "./logged-in-client.ts";

const TEXT = Buffer.from("the quick brown fox\n".repeat(50_000));
const NOISE = randomBytes(700_001);

useLoggedInClient({ tls: true });

beforeAll(async () => {
  await mkdir(dataPath("folder"));
  await writeFile(dataPath("text"), TEXT);
  await writeFile(dataPath("noise"), NOISE);
  await writeFile(dataPath("empty"), "");
});

beforeEach(async () => {
  await client.expect("MODE Z", 200);
});

/** What came over the wire, as it came. */
async function download(line: string): Promise<Buffer> {
  const data = await client.openData();
  const chunks: Buffer[] = [];
  data.on("data", (chunk: Buffer) => chunks.push(chunk));
  await client.expect(line, 150);
  expect((await client.reply()).code).toBe(226);
  return Buffer.concat(chunks);
}

describe("downloads", () => {
  it.each([
    ["text", TEXT],
    ["noise", NOISE],
    ["empty", Buffer.alloc(0)],
  ])("of %s inflate to the file", async (name, content) => {
    const wire = await download(`RETR ${name}`);
    expect(inflateSync(wire).equals(content)).toBe(true);
    if (name === "text") expect(wire.length).toBeLessThan(content.length / 20);
  });

  it("obey REST and RANG, which count bytes of the file", async () => {
    await client.expect("REST 700000", 350);
    expect(inflateSync(await download("RETR noise")).equals(NOISE.subarray(-1))).toBe(true);
    await client.expect("RANG 10 200009", 350);
    const part = inflateSync(await download("RETR noise"));
    expect(part.equals(NOISE.subarray(10, 200_010))).toBe(true);
  });

  it("convert line ends before they compress", async () => {
    await client.expect("TYPE A", 200);
    const expected = TEXT.toString().replaceAll("\n", "\r\n");
    expect(inflateSync(await download("RETR text")).toString()).toBe(expected);
  });

  it("are as large as the level says", async () => {
    await client.expect("OPTS MODE Z LEVEL 0", 200);
    expect((await download("RETR text")).length).toBeGreaterThan(TEXT.length);
    await client.expect("OPTS MODE Z LEVEL 9", 200);
    expect((await download("RETR text")).length).toBeLessThan(TEXT.length / 20);
    for (const wrong of ["Z LEVEL 10", "Z LEVEL", "Z", "S LEVEL 1", "Z LEVEL x"]) {
      expect([wrong, await client.code(`OPTS MODE ${wrong}`)]).toEqual([wrong, 501]);
    }
  });

  it("of listings too", async () => {
    expect(inflateSync(await download("NLST")).toString()).toContain("noise\r\n");
    expect(inflateSync(await download("MLSD folder")).toString()).toBe("");
  });

  it("return to plain bytes with MODE S", async () => {
    await client.expect("MODE S", 200);
    expect((await download("RETR noise")).equals(NOISE)).toBe(true);
  });
});

describe("uploads", () => {
  it.each([
    ["text", TEXT],
    ["noise", NOISE],
    ["empty", Buffer.alloc(0)],
  ])("of %s are stored inflated", async (name, content) => {
    expect(await client.upload(`STOR up-${name}`, deflateSync(content))).toEqual([150, 226]);
    expect((await readFile(dataPath(`up-${name}`))).equals(content)).toBe(true);
  });

  it("inflate a thousandfold without holding it all", async () => {
    const zeros = Buffer.alloc(64 * 2 ** 20);
    expect(await client.upload("STOR zeros", deflateSync(zeros))).toEqual([150, 226]);
    expect((await readFile(dataPath("zeros"))).equals(zeros)).toBe(true);
  });

  it("resume and append at places in the file", async () => {
    await writeFile(dataPath("r"), "0123456789");
    await client.expect("REST 8", 350);
    expect(await client.upload("STOR r", deflateSync("ABCD"))).toEqual([150, 226]);
    expect(await client.upload("APPE r", deflateSync("EF"))).toEqual([150, 226]);
    expect(await readFile(dataPath("r"), "utf8")).toBe("01234567ABCDEF");
  });

  it("convert line ends once they are inflated", async () => {
    await client.expect("TYPE A", 200);
    expect(await client.upload("STOR ascii", deflateSync("a\r\nb\rc\r\n\r"))).toEqual([150, 226]);
    expect(await readFile(dataPath("ascii"), "utf8")).toBe("a\nb\rc\n\r");
  });

  it.each([
    ["cut off", deflateSync(NOISE).subarray(0, -10)],
    ["followed by more", Buffer.concat([deflateSync(TEXT), Buffer.from("more")])],
    ["followed by much", Buffer.concat([deflateSync(TEXT), NOISE])],
    ["no zlib stream", Buffer.from("plain text, not compressed at all")],
    ["nothing", Buffer.alloc(0)],
    ["damaged", Buffer.from(deflateSync(TEXT)).fill(0xff, 500, 600)],
  ])("that are %s leave the old file as it was", async (_what, wire) => {
    await writeFile(dataPath("kept"), "old");
    expect(await client.upload("STOR kept", wire)).toEqual([150, 451]);
    expect(await readFile(dataPath("kept"), "utf8")).toBe("old");
    await client.expect("NOOP", 200);
  });

  it("can be aborted", async () => {
    const data = await client.openData();
    await client.expect("STOR aborted", 150);
    data.write(deflateSync(NOISE).subarray(0, 1000));
    data.on("error", () => undefined);
    expect(await client.code("ABOR")).toBe(426);
    expect((await client.reply()).code).toBe(226);
    expect(server.records.filter(({ event }) => event === "bug")).toEqual([]);
  });
});

describe("with TLS", () => {
  let secure: WireClient;

  beforeEach(async () => {
    secure = await WireClient.openTls(server.host, server.implicitTlsPort);
    await secure.login();
    await secure.expect("MODE Z", 200);
    return async () => {
      await secure[Symbol.asyncDispose]();
    };
  });

  const openData = async () => {
    const socket = await secure.openData();
    return connectTls({ socket, rejectUnauthorized: false });
  };

  /** TLS that reads and writes only as much of its connection as the test lets through. */
  async function openDownload(line: string) {
    const raw = await secure.openData();
    const [outside, inside] = duplexPair();
    const down = connectTls({ socket: inside, rejectUnauthorized: false });
    const secured = once(down, "secureConnect");
    outside.on("data", (chunk: Buffer) => raw.write(chunk));
    raw.on("data", (chunk: Buffer) => outside.write(chunk));
    await secure.expect(line, 150);
    await secured;
    outside.removeAllListeners("data").resume();
    return { raw, down };
  }

  it("is complete for a client that leaves with the end of the compressed stream", async () => {
    // GnuTLS reads no record ahead: what lies behind is still unread then, and the system resets.
    const { raw, down } = await openDownload("RETR text");
    raw.prependListener("end", () => raw.resetAndDestroy());
    const chunks: Buffer[] = [];
    down.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(down, "end");
    expect(inflateSync(Buffer.concat(chunks)).equals(TEXT)).toBe(true);
    expect((await secure.reply()).code).toBe(226);
  });

  it("is not for one that leaves before", async () => {
    const { raw } = await openDownload("RETR noise");
    raw.pause();
    raw.resetAndDestroy();
    expect((await secure.reply()).code).toBe(426);
  });

  it("compresses inside the protected data connection, both ways", async () => {
    const up = await openData();
    await secure.expect("STOR tls", 150);
    up.end(deflateSync(NOISE));
    expect((await secure.reply()).code).toBe(226);
    expect((await readFile(dataPath("tls"))).equals(NOISE)).toBe(true);
    const down = await openData();
    const chunks: Buffer[] = [];
    down.on("data", (chunk: Buffer) => chunks.push(chunk));
    await secure.expect("RETR tls", 150);
    expect((await secure.reply()).code).toBe(226);
    expect(inflateSync(Buffer.concat(chunks)).equals(NOISE)).toBe(true);
  });
});
