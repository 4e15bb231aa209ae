/** The worked example of docs/iis-guide.md: its very file, walked through scenario by scenario. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const FILE = new URL("../../docs/examples/iis-guide.json", import.meta.url);
const example = JSON.parse(
  // The one address that the guide allows, as a client of this machine.
  readFileSync(FILE, "utf8").replaceAll("20.55.200.223", "127.0.0.2"),
) as ServerSettingsFile;
const sites = example.sites ?? [];
const [ALLOWED, OTHER] = ["127.0.0.2", "127.0.0.3"];

/** What the guide configures in its second scenario. */
const SECOND = ["requestFiltering", "ipRestrictions", "userIsolation"] as const;

const FILES = [
  "test.txt",
  "computer.txt",
  "_private/private.txt",
  ...["user1", "user2", "user3", "user4"].map((name) => `LocalUser/${name}/${name}.txt`),
  "LocalUser/Public/anonymous.txt",
];

/** Everything of the file but its ports, its certificates (one serves here) and its data folder. */
async function start(stage: "first" | "complete"): Promise<TestServer> {
  const { sites: _sites, accounts = [], log = {}, passive } = example;
  const server = await startServer({
    tls: true,
    settings: {
      accounts,
      log,
      sites: sites.map(({ certificateFile: _own, ...site }) =>
        stage === "complete"
          ? site
          : Object.fromEntries(
              Object.entries(site).filter(([key]) => !SECOND.some((name) => name === key)),
            ),
      ) as ServerSettingsFile["sites"] & object,
    },
    ...(passive.advertisedAddress === undefined
      ? {}
      : { advertisedAddress: passive.advertisedAddress }),
  });
  for (const { root = "" } of sites) {
    for (const file of FILES) {
      const path = join(server.dataFolder, root, file);
      mkdirSync(join(path, ".."), { recursive: true });
      writeFileSync(path, `${root}/${file}`);
    }
  }
  return server;
}

async function login(server: TestServer, user: string, from = ALLOWED): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort, from);
  await client.reply();
  await enter(client, user);
  return client;
}

async function enter(client: WireClient, user: string): Promise<void> {
  await client.expect(`USER ${user}`, 331);
  await client.expect(`PASS change-me-${user.replace(/^.*\|/u, "")}`, 230);
  await client.expect("TYPE I", 200);
}

describe("the guide's first scenario", () => {
  it("both groups read and write, anonymous reads, user3 has no test.txt", async () => {
    await using server = await start("first");
    for (const user of ["user1", "user2", "user3", "user4"]) {
      await using client = await login(server, user);
      const seen = user === "user3" ? 550 : 213;
      expect([user, await client.code("SIZE test.txt")]).toEqual([user, seen]);
      expect([user, await client.code("SIZE computer.txt")]).toEqual([user, 213]);
      expect([user, await client.code(`MKD ${user}`)]).toEqual([user, 257]);
    }
    await using anonymous = await login(server, "anonymous");
    expect(await anonymous.code("SIZE test.txt")).toBe(213);
    expect(await anonymous.code("MKD anything")).toBe(550);
    expect(await anonymous.code("DELE computer.txt")).toBe(550);
    expect((await anonymous.expect("PASV", 227)).text).toContain("(203,0,113,7,");
  });
});

describe("the guide's second scenario", () => {
  it("hides _private and keeps everybody at home", async () => {
    await using server = await start("complete");
    for (const user of ["user1", "user3"]) {
      await using client = await login(server, user);
      const { text } = await client.expect("STAT /", 212);
      expect(text).toContain(`${user}.txt`);
      expect(text.match(/\.txt/gu)).toHaveLength(1);
      expect(await client.code("CWD /_private")).toBe(550);
      expect(await client.code("MKD _private")).toBe(550);
      expect(await client.code("SIZE ../../test.txt")).toBe(550);
    }
    await using anonymous = await login(server, "anonymous");
    expect((await anonymous.expect("STAT /", 212)).text).toContain("anonymous.txt");
    expect(await anonymous.code("MKD x")).toBe(550);
  });

  it("serves the one allowed address and nobody else", async () => {
    await using server = await start("complete");
    await using allowed = await login(server, "user1", ALLOWED);
    await allowed.expect("NOOP", 200);
    await expect(login(server, "user1", OTHER)).rejects.toThrow();
  });
});

describe("the guide's third scenario", () => {
  it("chooses between two sites by host|user, plain and with explicit and implicit TLS", async () => {
    await using server = await start("complete");
    await using one = await login(server, "ftpsite01.com|user1");
    await using two = await login(server, "ftpsite02.com|user1");
    await one.expect("MKD of-one", 257);
    await two.expect("MKD of-two", 257);
    const made = (site: string): readonly string[] =>
      readdirSync(join(server.dataFolder, site, "LocalUser/user1")).toSorted();
    expect(made("ftpsite01.com")).toEqual(["of-one", "user1.txt"]);
    expect(made("ftpsite02.com")).toEqual(["of-two", "user1.txt"]);
    await using explicit = await WireClient.open(server.host, server.controlPort, ALLOWED);
    await explicit.reply();
    await explicit.expect("AUTH TLS", 234);
    await explicit.secure();
    await enter(explicit, "ftpsite01.com|user2");
    expect(await explicit.code("SIZE user2.txt")).toBe(213);
    // From 127.0.0.1, which healthCheckAddresses admits.
    await using implicit = await WireClient.openTls(server.host, server.implicitTlsPort);
    await implicit.reply();
    await enter(implicit, "ftpsite02.com|user2");
    expect(await implicit.code("SIZE user2.txt")).toBe(213);
  });
});
