/** Logins that fail, and what the rights of an account do not include. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

describe("logins that fail", () => {
  it("are answered alike, later and later, and end the session", async () => {
    await using server = await startServer();
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    const texts: string[] = [];
    for (const user of ["alice", "nobody", "alice", "nobody"]) {
      await client.expect(`USER ${user}`, 331);
      texts.push((await client.command("PASS wrong")).text);
    }
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toMatch(/^530 /);
    await client.expect("USER alice", 331);
    expect(await client.code("PASS wrong")).toBe(421);
    await client.closed();
  }, 20_000);

  it("never put the password into the log", async () => {
    await using server = await startServer();
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("QUIT", 221);
    await server.logged("loggedIn");
    expect(JSON.stringify(server.records)).not.toContain("secret");
  });
});

describe("rights", () => {
  it("of a reader end at reading, those of a writer at writing", async () => {
    await using server = await startServer({
      accounts: { reader: "r", writer: "w" },
      permissions: { reader: ["read"], writer: ["write"] },
    });
    await using writer = await WireClient.open(server.host, server.controlPort);
    await writer.login("writer", "w");
    expect(await writer.upload("STOR f.txt", "x")).toEqual([150, 226]);
    expect((await writer.download("RETR f.txt")).codes).toEqual([550]);
    expect((await writer.download("LIST")).codes).toEqual([550]);
    expect(await writer.code("STAT /")).toBe(550);
    await using reader = await WireClient.open(server.host, server.controlPort);
    await reader.login("reader", "r");
    expect((await reader.download("RETR f.txt")).data).toBe("x");
    expect(await reader.upload("STOR f.txt", "y")).toEqual([550]);
    expect(await reader.upload("STOR g.txt", "y")).toEqual([550]);
    expect(await reader.upload("APPE f.txt", "y")).toEqual([550]);
    expect(await reader.upload("STOU", "y")).toEqual([550]);
    for (const line of [
      "DELE f.txt",
      "MKD d",
      "RMD d",
      "RNFR f.txt",
      "MFMT 20240101000000 f.txt",
      "SITE CHMOD 777 f.txt",
    ]) {
      expect([line, await reader.code(line)]).toEqual([line, 550]);
    }
    expect((await reader.expect("MLST f.txt", 250)).text).toContain("perm=r;");
  });

  it("to create do not include those to overwrite", async () => {
    await using server = await startServer({
      accounts: { drop: "d" },
      permissions: { drop: ["create"] },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login("drop", "d");
    expect(await client.upload("STOR once.txt", "x")).toEqual([150, 226]);
    expect(await client.upload("STOR once.txt", "y")).toEqual([550]);
    expect(await client.upload("APPE once.txt", "y")).toEqual([550]);
  });

  it("end at the home, which is made when it is missing", async () => {
    await using server = await startServer({
      accounts: { alice: "secret" },
      homes: { alice: "/homes/alice" },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.upload("STOR /../../mine.txt", "x");
    expect((await stat(join(server.dataFolder, "homes/alice/mine.txt"))).size).toBe(1);
    expect((await client.expect("PWD", 257)).text).toContain('"/"');
  });
});
