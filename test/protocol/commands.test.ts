/** Every verb, in good state and in bad, against a server on loopback. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { COMMANDS } from "../../server/commands/table.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

let server: TestServer;
let client: WireClient;

beforeAll(async () => {
  server = await startServer({ tls: true, accounts: { alice: "secret", bob: "hidden" } });
});
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return async () => {
    await client[Symbol.asyncDispose]();
  };
});

const dataPath = (name: string): string => join(server.dataFolder, name);

describe("before a login", () => {
  const OPEN: Readonly<Record<string, number>> = {
    USER: 501,
    PASS: 503,
    ACCT: 202,
    REIN: 220,
    AUTH: 501,
    PBSZ: 501,
    PROT: 501,
    CCC: 533,
    FEAT: 211,
    HELP: 214,
    SYST: 215,
    NOOP: 200,
    ABOR: 226,
    OPTS: 501,
    "OPTS UTF8": 200,
    "OPTS UTF-8": 200,
    "OPTS MLST": 200,
    "OPTS HASH": 200,
    CLNT: 501,
    HOST: 501,
    CSID: 501,
    LANG: 200,
    SITE: 501,
    "SITE HELP": 214,
  };

  it("answers every verb of the table, and lets none touch files", async () => {
    await using stranger = await WireClient.open(server.host, server.controlPort);
    expect((await stranger.reply()).code).toBe(220);
    const verbs = [...COMMANDS.keys()].filter((verb) => verb !== "QUIT");
    expect(verbs.length).toBeGreaterThan(50);
    for (const verb of verbs) {
      expect([verb, await stranger.code(verb)]).toEqual([verb, OPEN[verb] ?? 530]);
    }
  });

  it("wants USER before PASS, and PASS right after", async () => {
    await using stranger = await WireClient.open(server.host, server.controlPort);
    await stranger.reply();
    expect(await stranger.code("PASS x")).toBe(503);
    expect(await stranger.code("USER alice")).toBe(331);
    expect(await stranger.code("PWD")).toBe(530);
    expect(await stranger.code("PASS secret")).toBe(230);
    expect(await stranger.code("PASS secret")).toBe(503);
  });

  it("lets another user log in on the same connection, and nobody in between", async () => {
    expect(await client.code("USER bob")).toBe(331);
    expect(await client.code("PWD")).toBe(530);
    expect(await client.code("PASS wrong")).toBe(530);
    expect(await client.code("PWD")).toBe(530);
    expect(await client.code("USER bob")).toBe(331);
    expect(await client.code("PASS hidden")).toBe(230);
  });

  it("says goodbye", async () => {
    expect(await client.code("QUIT")).toBe(221);
    expect(await client.closed()).toBe("");
  });

  it("starts again with REIN", async () => {
    expect(await client.code("REIN")).toBe(220);
    expect(await client.code("PWD")).toBe(530);
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
  });
});

describe("arguments", () => {
  it.each([
    ...["RETR", "STOR", "APPE", "DELE", "MKD", "RMD", "CWD", "SIZE", "MDTM", "MFMT", "RNFR"],
    ...["TYPE", "MODE", "STRU", "REST", "ALLO", "XMKD", "XRMD", "XCWD", "SITE CHMOD"],
    ...["MFF", "CLNT", "CSID", "SITE UTIME", "HASH", "XCRC", "RANG"],
  ])("%s wants one", async (verb) => {
    if (["RETR", "STOR", "APPE"].includes(verb)) await client.openData();
    expect(await client.code(verb)).toBe(501);
    expect(await client.code(`${verb} `)).toBe(501);
  });

  it.each(["PWD", "CDUP", "SYST", "FEAT", "NOOP", "PASV", "REIN", "ABOR", "XPWD"])(
    "%s takes none",
    async (verb) => {
      expect(await client.code(`${verb} x`)).toBe(501);
      expect(await client.code(`${verb} `)).toBeLessThan(300);
    },
  );

  it("keeps the current folder when RMD comes without argument", async () => {
    await mkdir(dataPath("kept"), { recursive: true });
    await client.expect("CWD kept", 250);
    expect(await client.code("RMD")).toBe(501);
    expect((await stat(dataPath("kept"))).isDirectory()).toBe(true);
  });

  it.each(["XYZZY", "SMNTX", "", "123"])("%j is unknown", async (line) => {
    expect(await client.code(line)).toBe(500);
  });

  it.each(["SMNT x", "LPSV", "ENC x"])("%s is known but not implemented", async (line) => {
    expect(await client.code(line)).toBe(502);
  });
});

describe("transfer parameters", () => {
  it.each([
    ["TYPE A", 200],
    ["TYPE A N", 200],
    ["TYPE I", 200],
    ["TYPE L 8", 200],
    ["type i", 200],
    ["TYPE E", 504],
    ["TYPE L 7", 504],
    ["TYPE X", 501],
    ["MODE S", 200],
    ["MODE B", 504],
    ["MODE X", 501],
    ["STRU F", 200],
    ["STRU R", 504],
    ["STRU X", 501],
    ["REST 0", 350],
    ["REST -1", 501],
    ["REST x", 501],
    ["ALLO 10", 200],
    ["ALLO 10 R 5", 200],
    ["ALLO x", 501],
    ["OPTS UTF8 ON", 200],
    ["OPTS UTF8 OFF", 504],
    ["OPTS NOPE", 501],
    ["CLNT tests", 200],
    ["CSID Name=tests; Version=1.0;", 200],
    ["CSID tests", 501],
    ["LANG", 200],
    ["LANG en", 200],
    ["LANG EN-gb", 200],
    ["LANG fr", 504],
    ["LANG enx", 504],
    ["LANG en_GB", 501],
    ["SITE NOPE", 504],
    ["HELP", 214],
    ["HELP RETR", 214],
    ["HELP NOPE", 502],
    ["SYST", 215],
    ["ACCT x", 202],
  ])("%s → %d", async (line, code) => {
    expect(await client.code(line)).toBe(code);
  });
});

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

describe("FEAT and HELP", () => {
  it("name only what is in the table", async () => {
    const { text } = await client.expect("FEAT", 211);
    const features = text.split("\r\n").slice(1, -1);
    expect(features.every((line) => line.startsWith(" "))).toBe(true);
    for (const wanted of [
      "UTF8",
      "AUTH TLS",
      "PBSZ",
      "PROT",
      "EPSV",
      "SIZE",
      "MDTM",
      "MFMT",
      "REST STREAM",
      "TVFS",
    ]) {
      expect(features).toContain(` ${wanted}`);
    }
    expect(features).not.toContain(" EPRT");
    const help = (await client.expect("HELP", 214)).text;
    const listed = help.split("\r\n").slice(1, -1).join("").trim().split(" ");
    expect(listed).toEqual([...COMMANDS.keys()].filter((verb) => !verb.includes(" ")).toSorted());
    for (const verb of COMMANDS.keys()) {
      expect((await client.expect(`HELP ${verb}`, 214)).text).toContain(`Syntax: ${verb}`);
    }
  });
});
