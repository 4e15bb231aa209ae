/** Every verb before a login, arguments, transfer parameters and features, in good state and in bad. */
import { mkdir, stat } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../server/commands/table.ts";
import { WireClient } from "../support/wire-client.ts";
import { client, dataPath, server, useLoggedInClient } from "./logged-in-client.ts";

useLoggedInClient({ tls: true, accounts: { alice: "secret", bob: "hidden" } });

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
