/** NLST, LIST, MLSD and STAT: what they list, and how. */
import { mkdir, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { client, dataPath, useLoggedInClient } from "./logged-in-client.ts";

useLoggedInClient({ tls: true, accounts: { alice: "secret", bob: "hidden" } });

describe("listings", () => {
  beforeAll(async () => {
    await mkdir(dataPath("list/sub"), { recursive: true });
    for (const name of ["a.txt", "b.txt", "c.bin", ".hidden", "ü ä.txt", "-dash"]) {
      await writeFile(dataPath(`list/${name}`), "12345");
    }
  });

  const names = (data: string): string[] => data.split("\r\n").slice(0, -1).toSorted();
  const ALL = ["-dash", ".hidden", "a.txt", "b.txt", "c.bin", "sub", "ü ä.txt"];

  it.each(["NLST", "NLST -a", "NLST -la", "NLST ."])("%s names everything", async (line) => {
    await client.expect("CWD list", 250);
    const { data, codes } = await client.download(line);
    expect(codes).toEqual([150, 226]);
    expect(names(data)).toEqual(ALL);
  });

  it("answers NLST with names that lead from where the client is", async () => {
    expect(names((await client.download("NLST list")).data)).toEqual(
      ALL.map((name) => `list/${name}`).toSorted(),
    );
    expect(names((await client.download("NLST list/a.txt")).data)).toEqual(["list/a.txt"]);
    expect(names((await client.download("NLST list/*.bin")).data)).toEqual(["list/c.bin"]);
  });

  it.each([
    ["NLST *.txt", ["a.txt", "b.txt", "ü ä.txt"]],
    ["NLST [ab].txt", ["a.txt", "b.txt"]],
    ["NLST -dash", ["-dash"]],
    ["NLST ?.bin", ["c.bin"]],
  ])("%s", async (line, expected) => {
    await client.expect("CWD list", 250);
    expect(names((await client.download(line)).data)).toEqual(expected);
  });

  it("lists lines that clients parse", async () => {
    const { data } = await client.download("LIST list");
    const lines = data.split("\r\n").slice(0, -1);
    expect(lines).toHaveLength(ALL.length);
    for (const line of lines) {
      expect(line).toMatch(/^[-d][-rwx]{9} \d+ \S+ \S+ +\d+ [A-Z][a-z]{2} [ \d]\d \d\d:\d\d .+$/);
    }
    const one = await client.download("LIST list/a.txt");
    expect(one.data).toMatch(/ a\.txt\r\n$/);
  });

  it("answers MLSD, and 501 for a file", async () => {
    const { data, codes } = await client.download("MLSD list");
    expect(codes).toEqual([150, 226]);
    const lines = data.split("\r\n").slice(0, -1);
    expect(lines.map((line) => line.slice(line.indexOf(" ") + 1)).toSorted()).toEqual(ALL);
    expect(lines.find((line) => line.endsWith(" sub"))).toMatch(/^type=dir;modify=/);
    expect((await client.download("MLSD list/a.txt")).codes).toEqual([501]);
  });

  it("refuses what is not there", async () => {
    for (const line of [
      "LIST nowhere",
      "NLST nowhere",
      "MLSD nowhere",
      "NLST nowhere/*",
      "STAT nowhere",
    ]) {
      const code = line.startsWith("STAT")
        ? await client.code(line)
        : (await client.download(line)).codes[0];
      expect([line, code]).toEqual([line, 550]);
    }
    expect((await client.download("NLST *.nothing")).data).toBe("");
  });

  it("lists over the control connection with STAT", async () => {
    const folder = await client.expect("STAT list", 212);
    expect(folder.text.split("\r\n")).toHaveLength(ALL.length + 2);
    expect((await client.expect("STAT list/a.txt", 213)).text).toContain(" a.txt\r\n");
    expect((await client.expect("STAT", 211)).text).toContain("Logged in as alice");
  });
});
