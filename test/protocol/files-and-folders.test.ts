/** Folders, files and their facts: every verb, in good state and in bad. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { client, dataPath, useLoggedInClient } from "./logged-in-client.ts";

useLoggedInClient({ tls: true, accounts: { alice: "secret", bob: "hidden" } });

describe("folders", () => {
  it("quotes paths, with quotes doubled", async () => {
    expect((await client.expect('MKD say "hi"', 257)).text).toBe('257 "/say ""hi""" created.');
    await client.expect('CWD say "hi"', 250);
    expect((await client.expect("PWD", 257)).text).toMatch(/^257 "\/say ""hi""" /);
    await client.expect("CDUP", 250);
    await client.expect('RMD say "hi"', 250);
  });

  it("moves about and stays inside", async () => {
    await client.expect("MKD a", 257);
    await client.expect("MKD a/b", 257);
    await client.expect("CWD a/b", 250);
    await client.expect("CWD ../../../../..", 250);
    expect((await client.expect("XPWD", 257)).text).toMatch(/^257 "\/" /);
    await client.expect("CDUP", 250);
    expect((await client.expect("PWD", 257)).text).toMatch(/^257 "\/" /);
    expect(await client.code("CWD nowhere")).toBe(550);
    expect(await client.code("RMD a")).toBe(550);
    expect(await client.code("RMD /")).toBe(550);
    expect(await client.code("MKD a")).toBe(550);
    await client.expect("XRMD a/b", 250);
    await client.expect("RMD a", 250);
  });

  it("refuses a file as a folder", async () => {
    await writeFile(dataPath("plain"), "x");
    expect(await client.code("CWD plain")).toBe(550);
    expect(await client.code("RMD plain")).toBe(550);
  });
});

describe("files", () => {
  it("stores and retrieves", async () => {
    expect(await client.upload("STOR new.txt", "hello")).toEqual([150, 226]);
    expect(await readFile(dataPath("new.txt"), "utf8")).toBe("hello");
    expect(await client.download("RETR new.txt")).toEqual({ data: "hello", codes: [150, 226] });
    expect(await client.upload("STOR new.txt", "bye")).toEqual([150, 226]);
    expect(await readFile(dataPath("new.txt"), "utf8")).toBe("bye");
  });

  it("appends, resumes and starts in the middle", async () => {
    await client.upload("STOR r.bin", "0123456789");
    expect(await client.upload("APPE r.bin", "ab")).toEqual([150, 226]);
    expect(await readFile(dataPath("r.bin"), "utf8")).toBe("0123456789ab");
    await client.expect("REST 10", 350);
    expect((await client.download("RETR r.bin")).data).toBe("ab");
    await client.expect("REST 12", 350);
    expect(await client.upload("STOR r.bin", "cd")).toEqual([150, 226]);
    expect(await readFile(dataPath("r.bin"), "utf8")).toBe("0123456789abcd");
    await client.expect("REST 12", 350);
    expect((await client.download("RETR r.bin")).data).toBe("cd");
  });

  it("keeps a restart offset for the next transfer only", async () => {
    await writeFile(dataPath("o.bin"), "0123456789");
    await client.expect("REST 5", 350);
    await client.expect("PWD", 257);
    expect((await client.download("RETR o.bin")).data).toBe("56789");
    expect((await client.download("RETR o.bin")).data).toBe("0123456789");
    await client.expect("REST 5", 350);
    await client.expect("CWD /", 250);
    expect((await client.download("RETR o.bin")).data).toBe("0123456789");
  });

  it("refuses offsets beyond the end, and in ASCII", async () => {
    await writeFile(dataPath("o.bin"), "0123456789");
    await client.expect("REST 11", 350);
    expect((await client.download("RETR o.bin")).codes).toEqual([554]);
    await client.expect("REST 11", 350);
    expect(await client.upload("STOR o.bin", "x")).toEqual([554]);
    await client.expect("TYPE A", 200);
    await client.expect("REST 3", 350);
    expect((await client.download("RETR o.bin")).codes).toEqual([555]);
    expect(await readFile(dataPath("o.bin"), "utf8")).toBe("0123456789");
  });

  it("finds unique names", async () => {
    await writeFile(dataPath("u.txt"), "mine");
    const data = await client.openData();
    const first = await client.command("STOU u.txt");
    expect(first.code).toBe(150);
    data.end("theirs");
    const last = await client.reply();
    const name = /^150 FILE: (\S+)$/.exec(first.text)?.[1] ?? "";
    expect(last.code).toBe(226);
    expect(name).not.toBe("u.txt");
    expect(await readFile(dataPath(name), "utf8")).toBe("theirs");
    expect(await readFile(dataPath("u.txt"), "utf8")).toBe("mine");
  });

  it("converts line ends in ASCII, both ways", async () => {
    await writeFile(dataPath("unix.txt"), "one\ntwo\n");
    await client.expect("TYPE A", 200);
    expect((await client.download("RETR unix.txt")).data).toBe("one\r\ntwo\r\n");
    expect(await client.upload("STOR back.txt", "one\r\ntwo\r\n")).toEqual([150, 226]);
    expect(await readFile(dataPath("back.txt"), "utf8")).toBe("one\ntwo\n");
  });

  it("removes and renames, in the right order only", async () => {
    await writeFile(dataPath("from.txt"), "x");
    expect(await client.code("RNTO to.txt")).toBe(503);
    await client.expect("RNFR from.txt", 350);
    await client.expect("NOOP", 200);
    expect(await client.code("RNTO to.txt")).toBe(503);
    await client.expect("RNFR from.txt", 350);
    await client.expect("RNTO to.txt", 250);
    expect(await client.code("RNFR from.txt")).toBe(550);
    await client.expect("RNFR to.txt", 350);
    expect(await client.code("RNTO nowhere/to.txt")).toBe(550);
    await client.expect("DELE to.txt", 250);
    expect(await client.code("DELE to.txt")).toBe(550);
    await client.expect("MKD folder", 257);
    expect(await client.code("DELE folder")).toBe(550);
    await client.expect("RMD folder", 250);
  });

  it("refuses what is not there or not a file", async () => {
    expect((await client.download("RETR nowhere")).codes).toEqual([550]);
    expect((await client.download("RETR /")).codes).toEqual([550]);
    expect(await client.upload("STOR /", "x")).toEqual([550]);
    expect(await client.upload("STOR no/such/folder", "x")).toEqual([550]);
    expect((await client.download(`RETR ${"x".repeat(300)}`)).codes).toEqual([553]);
  });

  it("wants a data connection first", async () => {
    for (const line of ["RETR a", "STOR a", "LIST", "NLST", "MLSD", "APPE a", "STOU"]) {
      expect([line, await client.code(line)]).toEqual([line, 425]);
    }
  });
});

describe("facts", () => {
  it("tells size, time and type", async () => {
    await writeFile(dataPath("f.bin"), "12345");
    expect((await client.expect("SIZE f.bin", 213)).text).toBe("213 5");
    await client.expect("TYPE A", 200);
    expect(await client.code("SIZE f.bin")).toBe(550);
    await client.expect("TYPE I", 200);
    expect(await client.code("SIZE /")).toBe(550);
    expect((await client.expect("MFMT 20240229120000 f.bin", 213)).text).toBe(
      "213 Modify=20240229120000; /f.bin",
    );
    expect((await client.expect("MDTM f.bin", 213)).text).toBe("213 20240229120000");
    expect((await stat(dataPath("f.bin"))).mtimeMs).toBe(Date.UTC(2024, 1, 29, 12));
    expect(await client.code("MFMT 20230229120000 f.bin")).toBe(501);
    expect(await client.code("MFMT 20240229120000 nowhere")).toBe(550);
    expect(await client.code("MDTM nowhere")).toBe(550);
  });

  it.each([
    ...["00000101000000", "20240101000060", "20231231235960", "20240101240000", "20230229000000"],
    ...["20240431000000", "20240001000000", "99991231235960", "202401010000", "-0240101000000"],
  ])("refuses %s as a time and leaves the file's own", async (time) => {
    await writeFile(dataPath("f.bin"), "12345");
    await client.expect("MFMT 20240229120000 f.bin", 213);
    for (const line of [`MFMT ${time} f.bin`, `MFCT ${time} f.bin`, `MFF Modify=${time}; f.bin`]) {
      expect(await client.code(line)).toBe(501);
    }
    expect((await client.expect("MDTM f.bin", 213)).text).toBe("213 20240229120000");
  });

  it.each(["00010101000000", "19010101000000", "25000101000000", "99991231235959"])(
    "keeps the time %s exactly or refuses it",
    async (time) => {
      await writeFile(dataPath("f.bin"), "12345");
      await client.expect("MFMT 20240229120000 f.bin", 213);
      const code = await client.code(`MFMT ${time} f.bin`);
      const kept = (await client.expect("MDTM f.bin", 213)).text;
      expect([code, kept]).toEqual(
        code === 213 ? [213, `213 ${time}`] : [501, "213 20240229120000"],
      );
    },
  );

  it("knows MFCT, announces it nowhere and says that creation times cannot be set", async () => {
    await writeFile(dataPath("f.bin"), "12345");
    expect(await client.code("MFCT 20240229120000 f.bin")).toBe(504);
    expect(await client.code("MFCT 20240229120000 nowhere")).toBe(550);
    expect(await client.code("MFCT")).toBe(501);
    const { text } = await client.expect("FEAT", 211);
    expect(text).not.toMatch(/MFCT|create/iu);
  });

  it("selects facts with OPTS MLST", async () => {
    await writeFile(dataPath("f.bin"), "12345");
    expect((await client.expect("MLST f.bin", 250)).text).toMatch(
      /^250-Listing\r\n type=file;size=5;modify=\d{14};perm=adfrw;unique=[^;]+;UNIX.mode=0\d{3}; \/f.bin\r\n250 End$/,
    );
    expect((await client.expect("OPTS MLST size;nope;", 200)).text).toBe("200 MLST OPTS size;");
    expect((await client.expect("MLST f.bin", 250)).text).toContain("\r\n size=5; /f.bin\r\n");
    expect((await client.expect("FEAT", 211)).text).toContain(" MLST type;size*;modify;");
    expect((await client.expect("OPTS MLST", 200)).text).toBe("200 MLST OPTS");
    expect((await client.expect("MLST f.bin", 250)).text).toContain("\r\n  /f.bin\r\n");
  });

  it("changes modes and times through SITE", async () => {
    await writeFile(dataPath("s.bin"), "x");
    await client.expect("SITE CHMOD 600 s.bin", 200);
    expect((await stat(dataPath("s.bin"))).mode & 0o777).toBe(0o600);
    await client.expect("SITE UTIME 202402291200 s.bin", 200);
    expect((await stat(dataPath("s.bin"))).mtimeMs).toBe(Date.UTC(2024, 1, 29, 12));
    await client.expect("SITE UTIME s.bin 20200101000000 20210101000000 20200101000000 UTC", 200);
    expect((await stat(dataPath("s.bin"))).mtimeMs).toBe(Date.UTC(2021, 0, 1));
    expect(await client.code("SITE CHMOD 4755 s.bin")).toBe(501);
  });
});
