/** HASH, its older kin and RANG, against hashes that node:crypto makes of the same bytes. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, truncate, writeFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WireClient } from "../support/wire-client.ts";
import { client, dataPath, server, useLoggedInClient } from "./logged-in-client.ts";

/** Several chunks, and one that is not full. */
const CONTENT = randomBytes(1_000_003);

useLoggedInClient({
  accounts: { alice: "secret", writer: "w" },
  permissions: { writer: ["list", "create"] },
});

beforeAll(async () => {
  await mkdir(dataPath("folder"));
  await writeFile(dataPath("folder/h.bin"), CONTENT);
  await writeFile(dataPath("folder/empty"), "");
  await writeFile(dataPath("folder/h.bin 5"), "five");
});

const digest = (algorithm: string, bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest("hex");
const crc = (bytes: Uint8Array): string => crc32(bytes).toString(16).padStart(8, "0");

describe("HASH", () => {
  it("answers with SHA-256, the range, and the name as it was given", async () => {
    await client.expect("CWD folder", 250);
    const expected = digest("sha256", CONTENT);
    for (const name of ["h.bin", "../folder/h.bin", "/folder/h.bin"]) {
      expect((await client.expect(`HASH ${name}`, 213)).text).toBe(
        `213 SHA-256 0-1000002 ${expected} ${name}`,
      );
    }
    expect((await client.expect("HASH empty", 213)).text).toBe(
      `213 SHA-256 0-0 ${digest("sha256", Buffer.alloc(0))} empty`,
    );
  });

  it.each([
    ["SHA-512", (bytes: Uint8Array) => digest("sha512", bytes)],
    ["SHA-1", (bytes: Uint8Array) => digest("sha1", bytes)],
    ["MD5", (bytes: Uint8Array) => digest("md5", bytes)],
    ["CRC32", crc],
  ] as const)("calculates %s once OPTS HASH has chosen it", async (name, expected) => {
    expect((await client.expect(`OPTS HASH ${name.toLowerCase()}`, 200)).text).toBe(`200 ${name}`);
    expect((await client.expect("OPTS HASH", 200)).text).toBe(`200 ${name}`);
    expect((await client.expect("FEAT", 211)).text).toMatch(
      new RegExp(`\r\n HASH (?:[^*\r]*;)?${name}\\*;[^*\r]*\r\n`),
    );
    expect((await client.expect("HASH folder/h.bin", 213)).text).toBe(
      `213 ${name} 0-1000002 ${expected(CONTENT)} folder/h.bin`,
    );
  });

  it("forgets the choice with REIN, and keeps it when an unknown one is asked for", async () => {
    await client.expect("OPTS HASH MD5", 200);
    expect(await client.code("OPTS HASH CRC-37")).toBe(501);
    expect((await client.expect("OPTS HASH", 200)).text).toBe("200 MD5");
    await client.expect("REIN", 220);
    expect((await client.expect("OPTS HASH", 200)).text).toBe("200 SHA-256");
  });

  it("hashes the range that RANG gave, once", async () => {
    const part = digest("sha256", CONTENT.subarray(10, 500_000));
    await client.expect("RANG 10 499999", 350);
    expect((await client.expect("HASH folder/h.bin", 213)).text).toBe(
      `213 SHA-256 10-499999 ${part} folder/h.bin`,
    );
    expect((await client.expect("HASH folder/h.bin", 213)).text).toContain(" 0-1000002 ");
    await client.expect("RANG 1000000 2000000", 350);
    expect((await client.expect("HASH folder/h.bin", 213)).text).toBe(
      `213 SHA-256 1000000-1000002 ${digest("sha256", CONTENT.subarray(-3))} folder/h.bin`,
    );
    await client.expect("RANG 1000003 2000000", 350);
    expect(await client.code("HASH folder/h.bin")).toBe(554);
    await client.expect("RANG 5 6", 350);
    await client.expect("RANG 1 0", 350);
    expect((await client.expect("HASH folder/h.bin", 213)).text).toContain(" 0-1000002 ");
  });

  it("ends at ABOR, however large the file, and leaves the session usable", async () => {
    const huge = await open(dataPath("folder/huge"), "w");
    await huge.truncate(2 ** 42);
    await huge.close();
    for (const [line, failed] of [
      ["HASH folder/huge", 451],
      ["XSHA512 folder/huge", 451],
    ] as const) {
      client.send(`${line}\r\n`);
      client.send("ABOR\r\nNOOP\r\n");
      expect((await client.reply()).code).toBe(failed);
      expect((await client.reply()).code).toBe(226);
      expect((await client.reply()).code).toBe(200);
    }
    // Also when it comes in one segment with the command.
    client.send("HASH folder/huge\r\nABOR\r\n");
    expect([(await client.reply()).code, (await client.reply()).code]).toEqual([451, 226]);
  });

  it("is refused for folders, for nothing, and to those who may not read", async () => {
    expect(await client.code("HASH folder")).toBe(553);
    expect(await client.code("HASH nowhere")).toBe(550);
    expect(await client.code("HASH")).toBe(501);
    await using writer = await WireClient.open(server.host, server.controlPort);
    await writer.login("writer", "w");
    expect(await writer.code("HASH folder/h.bin")).toBe(550);
    expect(await writer.code("XMD5 folder/h.bin")).toBe(550);
  });

  it("lets other sessions go on meanwhile, and ends with its own", async () => {
    const large = dataPath("large.bin");
    await (await open(large, "w")).close();
    await truncate(large, 64 * 2 ** 30);
    client.send("HASH large.bin\r\n");
    await using other = await WireClient.open(server.host, server.controlPort);
    await other.login();
    expect((await other.expect("OPTS HASH", 200)).text).toBe("200 SHA-256");
    client.socket.destroy();
    await server.logged("sessionClosed");
    expect(server.records.filter(({ event }) => event === "bug")).toEqual([]);
    await other.expect("NOOP", 200);
  });
});

describe("XCRC and its kin", () => {
  it.each([
    ["XCRC", crc],
    ["XMD5", (bytes: Uint8Array) => digest("md5", bytes)],
    ["XSHA", (bytes: Uint8Array) => digest("sha1", bytes)],
    ["XSHA1", (bytes: Uint8Array) => digest("sha1", bytes)],
    ["XSHA256", (bytes: Uint8Array) => digest("sha256", bytes)],
    ["XSHA512", (bytes: Uint8Array) => digest("sha512", bytes)],
  ] as const)("%s", async (verb, hash) => {
    await client.expect("CWD folder", 250);
    const hex = (from = 0, to?: number): string =>
      `250 ${hash(CONTENT.subarray(from, to)).toUpperCase()}`;
    expect((await client.expect(`${verb} h.bin`, 250)).text).toBe(hex());
    expect((await client.expect(`${verb} "h.bin"`, 250)).text).toBe(hex());
    expect((await client.expect(`${verb} "h.bin" 5`, 250)).text).toBe(hex(5));
    expect((await client.expect(`${verb} h.bin 7`, 250)).text).toBe(hex(7));
    expect((await client.expect(`${verb} h.bin 7 300000`, 250)).text).toBe(hex(7, 300_000));
    // A file of exactly that name comes first.
    expect((await client.expect(`${verb} h.bin 5`, 250)).text).toBe(
      `250 ${hash(Buffer.from("five")).toUpperCase()}`,
    );
    expect(await client.code(`${verb} h.bin 2000000`)).toBe(554);
    expect(await client.code(`${verb} "h.bin" 9 7`)).toBe(501);
    expect(await client.code(`${verb} nowhere 0 5`)).toBe(550);
    expect(await client.code(`${verb} /folder`)).toBe(553);
    expect(await client.code(verb)).toBe(501);
  });
});

describe("RANG with RETR", () => {
  const ranged = async (range: string, name = "folder/r.bin") => {
    await client.expect(`RANG ${range}`, 350);
    return client.download(`RETR ${name}`);
  };

  beforeEach(() => writeFile(dataPath("folder/r.bin"), "0123456789"));

  it.each([
    ["0 0", "0"],
    ["0 9", "0123456789"],
    ["3 5", "345"],
    ["8 100", "89"],
    ["10 20", ""],
    ["50 60", ""],
    ["1 0", "0123456789"],
  ])("%s", async (range, data) => {
    expect(await ranged(range)).toEqual({ data, codes: [150, 226] });
    expect((await client.download("RETR folder/r.bin")).data).toBe("0123456789");
  });

  it("replies as the draft says, and takes a range back that is malformed", async () => {
    expect((await client.expect("RANG 3 5", 350)).text).toBe(
      "350 Restarting at 3. End byte range at 5.",
    );
    expect(await client.code("RANG 5 3")).toBe(501);
    expect((await client.download("RETR folder/r.bin")).data).toBe("0123456789");
    expect(await client.code("RANG 5")).toBe(501);
    expect(await client.code("RANG")).toBe(501);
  });

  it("sends parts of large files exactly", async () => {
    const data = await client.openData();
    const chunks: Buffer[] = [];
    data.on("data", (chunk: Buffer) => chunks.push(chunk));
    await client.expect("RANG 100000 900000", 350);
    await client.expect("RETR folder/h.bin", 150);
    expect((await client.reply()).code).toBe(226);
    expect(Buffer.concat(chunks).equals(CONTENT.subarray(100_000, 900_001))).toBe(true);
  });

  it("writes into the middle of a file and touches nothing else", async () => {
    expect(await client.upload("STOR folder/w.bin", "0123456789")).toEqual([150, 226]);
    const stored = async (): Promise<string> => (await client.download("RETR folder/w.bin")).data;
    await client.expect("RANG 2 4", 350);
    expect(await client.upload("STOR folder/w.bin", "abc")).toEqual([150, 226]);
    expect(await stored()).toBe("01abc56789");
    await client.expect("RANG 0 0", 350);
    expect(await client.upload("STOR folder/w.bin", "X")).toEqual([150, 226]);
    expect(await stored()).toBe("X1abc56789");
    await client.expect("RANG 8 11", 350);
    expect(await client.upload("STOR folder/w.bin", "wxyz")).toEqual([150, 226]);
    expect(await stored()).toBe("X1abc567wxyz");
    // More or less than the range is no success, and stays inside of it.
    await client.expect("RANG 5 6", 350);
    expect(await client.upload("STOR folder/w.bin", "longer")).toEqual([150, 554]);
    expect(await stored()).toMatch(/^X1abc..7wxyz$/u);
    await client.expect("RANG 0 99", 350);
    expect(await client.upload("STOR folder/w.bin", "Z")).toEqual([150, 554]);
    expect(await stored()).toMatch(/^Z1abc..7wxyz$/u);
    await client.expect("RANG 50 60", 350);
    expect(await client.upload("STOR folder/w.bin", "beyond")).toEqual([554]);
    // A reset, or another command in between, and the file is replaced as ever.
    await client.expect("RANG 1 2", 350);
    await client.expect("RANG 1 0", 350);
    expect(await client.upload("STOR folder/w.bin", "whole")).toEqual([150, 226]);
    expect(await stored()).toBe("whole");
  });

  it("is refused in ASCII, for APPE and for STOU", async () => {
    for (const [line, code] of [
      ["APPE folder/r.bin", 503],
      ["STOU folder/r.bin", 504],
    ] as const) {
      await client.expect("RANG 0 3", 350);
      expect(await client.upload(line, "xxxx")).toEqual([code]);
    }
    await client.expect("TYPE A", 200);
    expect((await ranged("0 3")).codes).toEqual([555]);
    await client.expect("TYPE I", 200);
    expect((await client.download("RETR folder/r.bin")).data).toBe("0123456789");
  });
});
