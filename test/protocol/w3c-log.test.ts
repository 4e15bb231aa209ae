/** The W3C extended log of a running server: what it holds, when it is opened and closed. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const LOG: ServerSettingsFile["log"] = { enabled: true, folder: "w3c" };

type Line = Readonly<Record<string, string | undefined>>;

function readLines(server: TestServer, folder = "w3c"): readonly Line[] {
  const path = join(server.folder, folder);
  const text = readdirSync(path)
    .map((name) => readFileSync(join(path, name), "utf8"))
    .join("");
  const fields = /^#Fields: (.*)$/mu.exec(text)?.[1]?.split(" ") ?? [];
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const values = line.split(" ");
      expect(values).toHaveLength(fields.length);
      return Object.fromEntries(fields.map((field, index) => [field, values[index]]));
    });
}

/** Resolves once the server has closed the session; its lines are on disk then or a turn later. */
async function quit(server: TestServer, client: WireClient): Promise<void> {
  await client.expect("QUIT", 221);
  await client.closed();
  await server.logged("sessionClosed");
}

async function stop(server: TestServer): Promise<void> {
  server.process.kill("SIGTERM");
  await server.logged("stopped");
}

describe("the W3C extended log", () => {
  it("has a line for each command and channel, with bytes, path, session and reason", async () => {
    await using server = await startServer({
      settings: {
        log: LOG,
        sites: [
          {
            name: "files",
            authorization: [
              { effect: "allow", users: ["*"] },
              { effect: "deny", path: "/closed", users: ["*"] },
            ],
          },
        ],
      },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    expect(await client.upload("STOR a b.txt", "12345")).toEqual([150, 226]);
    expect((await client.download("RETR a b.txt")).data).toBe("12345");
    await client.expect("DELE closed/x", 550);
    await client.expect("RETR x", 425);
    await quit(server, client);
    await stop(server);

    const lines = readLines(server);
    const of = (method: string): readonly Line[] =>
      lines.filter((line) => line["cs-method"] === method);
    expect(lines.at(0)?.["cs-method"]).toBe("ControlChannelOpened");
    expect(lines.at(-1)).toMatchObject({
      "cs-method": "ControlChannelClosed",
      "sc-bytes": "5",
      "cs-bytes": "5",
    });
    expect(of("PASS")[0]).toMatchObject({
      "cs-uri-stem": "***",
      "sc-status": "230",
      "cs-username": "alice",
      "s-sitename": "files",
      "c-ip": "127.0.0.1",
      "s-port": String(server.controlPort),
    });
    expect(of("STOR")[0]).toMatchObject({
      "cs-uri-stem": "a+b.txt",
      "x-fullpath": "/a+b.txt",
      "sc-status": "226",
      "cs-bytes": "5",
      "sc-bytes": "0",
    });
    expect(of("RETR").map((line) => [line["sc-status"], line["sc-bytes"]])).toEqual([
      ["226", "5"],
      ["425", "0"],
    ]);
    expect(of("DataChannelOpened")).toHaveLength(2);
    expect(of("DataChannelClosed").map((line) => line["cs-bytes"])).toEqual(["5", "0"]);
    expect(of("DELE")[0]?.["x-debug"]).toContain("authorization.1");
    expect(of("DELE")[0]?.["x-fullpath"]).toBe("/closed/x");
    expect(new Set(lines.map((line) => line["x-session"]))).toEqual(new Set(["1"]));
  });

  it("names a refused user and why, never the password", async () => {
    await using server = await startServer({ settings: { log: LOG } });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    await client.expect("USER mallory", 331);
    await client.expect("PASS letmein", 530);
    await stop(server);
    expect(readLines(server).find((line) => line["cs-method"] === "PASS")).toMatchObject({
      "cs-username": "mallory",
      "sc-status": "530",
      "x-debug": "unknown+user",
    });
    expect(JSON.stringify(server.records) + JSON.stringify(readLines(server))).not.toContain(
      "letmein",
    );
  });

  it("says why a transfer failed", async () => {
    await using server = await startServer({ settings: { log: LOG } });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    const data = await client.openData();
    await client.expect("STOR a.bin", 150);
    data.on("error", () => undefined);
    await client.expect("ABOR", 426);
    await stop(server);
    expect(readLines(server).find((line) => line["cs-method"] === "STOR")).toMatchObject({
      "sc-status": "426",
      "x-debug": expect.stringContaining("aborted") as string,
    });
  });

  it("tells by numbers and words which rule denied what", async () => {
    await using server = await startServer({
      settings: {
        log: LOG,
        sites: [
          {
            name: "files",
            authorization: [
              { effect: "allow", users: ["*"] },
              { effect: "deny", path: "/closed", users: ["alice"], permissions: ["write"] },
            ],
            ipRestrictions: {
              rules: [{ effect: "deny", address: "*", path: "/inner" }],
              healthCheckAddresses: [],
            },
            requestFiltering: {
              fileExtensions: { mode: "deny", extensions: [".exe"] },
              hiddenSegments: ["_private"],
              deniedUrlSequences: ["~$"],
              highBitCharacters: "deny",
              maximumPathBytes: 100,
              commands: { mode: "deny", names: ["MLSD"] },
            },
          },
        ],
      },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    const expected = [
      ["MKD closed/x", 550, 1, 5, /^write|^makeDirectory is denied by authorization\.1 /],
      ["SIZE inner/a.txt", 550, 4, 5, /ipRestrictions\.rules\.0/],
      ["RETR virus.exe", 550, 11, 5, /fileExtensions denies \.exe/],
      ["CWD _private", 550, 8, 2, /hiddenSegments holds _private/],
      ["SIZE a~$b.txt", 550, 9, 5, /deniedUrlSequences holds ~\$/],
      ["SIZE ü.txt", 550, 10, 5, /highBitCharacters is deny/],
      [`SIZE ${"p".repeat(120)}`, 550, 12, 206, /maximumPathBytes 100/],
      ["MLSD", 502, 51, 5, /commands denies MLSD/],
      ["SIZE nowhere", 550, 3, 2, /no such file/],
      ["RMD /", 550, 0, 0, /root cannot be removed/],
      ["XYZZY", 500, 0, 0, /Unknown command/],
    ] as const;
    for (const [line, code] of expected) {
      if (line.startsWith("RETR")) await client.expect("EPSV", 229);
      await client.expect(line, code);
    }
    client.send("\u0000\r\n");
    await client.reply();
    await quit(server, client);
    await using stranger = await WireClient.open(server.host, server.controlPort);
    await stranger.reply();
    await stranger.expect("USER files|mallory", 331);
    await stranger.expect("PASS guess", 530);
    // Nothing waits for the process to end.
    await expect.poll(() => readLines(server).at(-1)?.["sc-status"]).toBe("530");
    const lines = readLines(server);
    const words = (line: Line | undefined): string =>
      (line?.["x-debug"] ?? "").replaceAll("+", " ").replaceAll("%2B", "+");
    for (const [text, code, substatus, win32, reason] of expected) {
      const [verb = ""] = text.split(" ");
      const found = lines.filter(
        (line) => line["cs-method"] === verb && words(line).search(reason) >= 0,
      );
      expect([text, found.length]).toEqual([text, 1]);
      expect(found[0]).toMatchObject({
        "sc-status": String(code),
        "sc-substatus": String(substatus),
        "sc-win32-status": String(win32),
      });
    }
    expect(lines.find((line) => line["cs-method"] === "InvalidLine")).toMatchObject({
      "sc-status": "501",
    });
    expect(lines.find((line) => line["sc-status"] === "530")).toMatchObject({
      "sc-substatus": "35",
      "sc-win32-status": "1326",
      "cs-username": "mallory",
      "cs-host": "files",
    });
    expect(server.records.find(({ cause }) => cause === "hiddenSegment")).toMatchObject({
      event: "command",
      reason: "requestFiltering.hiddenSegments holds _private",
    });
  });

  it("says that the account's own permissions deny a command", async () => {
    await using server = await startServer({
      settings: { log: LOG },
      permissions: { alice: ["write"] },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("HASH a.txt", 550);
    await client.expect("STAT /", 550);
    await quit(server, client);
    await stop(server);
    const lines = readLines(server);
    for (const [verb, right] of [
      ["HASH", "read"],
      ["STAT", "list"],
    ]) {
      const line = lines.find((each) => each["cs-method"] === verb);
      expect(line).toMatchObject({ "sc-substatus": "1", "sc-win32-status": "5" });
      expect(line?.["x-debug"]?.replaceAll("+", " ")).toContain(
        `${String(right)} is denied: the permissions of account alice do not include it`,
      );
    }
  });

  it("names the host that HOST, the server name of TLS or the user name gave", async () => {
    await using server = await startServer({
      tls: true,
      settings: { log: LOG, sites: [{ name: "one.example" }, { name: "two.example" }] },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    await client.expect("HOST two.example", 220);
    await client.expect("USER alice", 331);
    await quit(server, client);
    const host = readLines(server).find((line) => line["cs-method"] === "USER")?.["cs-host"];
    expect(host).toBe("two.example");
  });

  it("says why the server ended a session", async () => {
    await using server = await startServer({ settings: { log: LOG } });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await stop(server);
    expect(readLines(server).at(-1)).toMatchObject({
      "cs-method": "ControlChannelClosed",
      "sc-status": "421",
      "sc-substatus": "21",
      "x-debug": expect.stringContaining("going+down") as string,
    });
  });

  it("begins, moves and ends with the settings, without a restart", async () => {
    await using server = await startServer();
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    expect(existsSync(join(server.folder, "w3c"))).toBe(false);
    const reloads = (): number =>
      server.records.filter(({ event }) => event === "settingsReloaded").length;
    const change = async (log: ServerSettingsFile["log"]): Promise<void> => {
      writeFileSync(server.settingsFile, JSON.stringify({ ...server.settings, log }));
      // The first may have read the file before; the second has begun after that one.
      for (let round = 0; round < 2; round++) {
        const before = reloads();
        server.process.kill("SIGHUP");
        await expect.poll(reloads, { timeout: 10_000 }).toBeGreaterThan(before);
      }
    };
    await change(LOG);
    await client.expect("MKD one", 257);
    await change({ ...LOG, folder: "moved" });
    await client.expect("MKD two", 257);
    await change({ enabled: false });
    await client.expect("MKD three", 257);
    await stop(server);
    const made = (folder: string): readonly unknown[] =>
      readLines(server, folder)
        .filter((line) => line["cs-method"] === "MKD")
        .map((line) => line["cs-uri-stem"]);
    expect(made("w3c")).toEqual(["one"]);
    expect(made("moved")).toEqual(["two"]);
  });
});
