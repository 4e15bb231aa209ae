/** Who may connect and log in: addresses, host names, failed logons, numbers of connections. */
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import type { HostNameResolver } from "../../server/access/client-names.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import type { StorageAdapter } from "../../server/storage/storage.ts";
import {
  startInProcess,
  type InProcessOptions,
  type InProcessServer,
} from "../support/in-process-server.ts";
import { WireClient } from "../support/wire-client.ts";

const PARTNER = "127.0.0.2";
const STRANGER = "127.0.0.3";

const start = (
  settings: Partial<ServerSettingsFile>,
  options: Partial<InProcessOptions> = {},
): Promise<InProcessServer> =>
  startInProcess({
    openStorage: (folder: string): Promise<StorageAdapter> => LocalDisk.open(folder),
    limits: { failedLoginDelayMilliseconds: 0, failedLogins: 100 },
    settings,
    ...options,
  });

const connect = (server: InProcessServer, from: string): Promise<WireClient> =>
  WireClient.open(server.host, server.controlPort, from);

/** Code of the reply to PASS, on a connection of its own. */
async function tryLogin(
  server: InProcessServer,
  from: string,
  user = "alice",
  password = "secret",
): Promise<number> {
  await using client = await connect(server, from);
  const { code } = await client.reply();
  if (code !== 220) return code;
  await client.expect(`USER ${user}`, 331);
  return await client.code(`PASS ${password}`);
}

const reasonOf = ({ records }: InProcessServer, event: string): string =>
  String(records.findLast((record) => record.event === event)?.["reason"]);

describe("address rules", () => {
  it("refuse the connection where every site denies, and name the rule", async () => {
    await using server = await start({
      sites: [
        {
          name: "default",
          ipRestrictions: {
            unspecifiedClients: "deny",
            rules: [
              { effect: "deny", address: STRANGER },
              { effect: "allow", address: PARTNER },
            ],
          },
        },
      ],
    });
    expect(await tryLogin(server, PARTNER)).toBe(230);
    await using stranger = await connect(server, STRANGER);
    expect((await stranger.reply()).code).toBe(421);
    await stranger.closed();
    expect(reasonOf(server, "addressDenied")).toContain("ipRestrictions.rules.0");
    expect(await tryLogin(server, "127.0.0.4")).toBe(421);
    expect(reasonOf(server, "addressDenied")).toContain("unspecifiedClients");
    expect(await tryLogin(server, "127.0.0.1")).toBe(230);
  });

  it("refuse the login at the site that denies", async () => {
    await using server = await start({
      sites: [
        { name: "open" },
        { name: "closed", ipRestrictions: { rules: [{ effect: "deny", address: PARTNER }] } },
      ],
    });
    expect(await tryLogin(server, PARTNER)).toBe(230);
    expect(await tryLogin(server, PARTNER, "closed|alice")).toBe(530);
    expect(reasonOf(server, "command")).toContain("ipRestrictions.rules.0");
    expect(await tryLogin(server, STRANGER, "closed|alice")).toBe(230);
  });

  it("look names up once, and believe only those that lead back", async () => {
    const asked: string[] = [];
    const hostNames: HostNameResolver = {
      reverse: (address) => {
        asked.push(address);
        return Promise.resolve(["files.partner.example"]);
      },
      // The stranger claims the partner's name.
      forward: () => Promise.resolve([PARTNER]),
    };
    await using server = await start(
      {
        sites: [
          {
            name: "default",
            ipRestrictions: {
              unspecifiedClients: "deny",
              rules: [
                { effect: "allow", hostName: "*.partner.example" },
                { effect: "deny", path: "/private", hostName: "files.partner.example" },
              ],
            },
          },
        ],
      },
      { hostNames },
    );
    expect(await tryLogin(server, STRANGER)).toBe(530);
    asked.length = 0;
    await using client = await connect(server, PARTNER);
    await client.reply();
    await client.expect("USER alice", 331);
    await client.expect("PASS wrong", 530);
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    expect(asked).toEqual([PARTNER]);
    expect(await client.code("MKD /public")).toBe(257);
    expect(await client.code("MKD /private")).toBe(550);
    expect(reasonOf(server, "command")).toContain("ipRestrictions.rules.1");
  });

  it("do without names when nobody answers in time", async () => {
    const silent: HostNameResolver = {
      reverse: () => new Promise(() => undefined),
      forward: () => Promise.resolve([]),
    };
    await using server = await start(
      {
        sites: [
          {
            name: "default",
            ipRestrictions: {
              unspecifiedClients: "deny",
              rules: [{ effect: "allow", hostName: "partner.example" }],
              lookupTimeoutSeconds: 1,
            },
          },
        ],
      },
      { hostNames: silent },
    );
    expect(await tryLogin(server, PARTNER)).toBe(530);
  });
});

describe("failed logons", () => {
  it("deny the address after some, sessions that are open too, and nobody else", async () => {
    await using server = await start({ logonAttempts: { failures: 2 } });
    await using early = await connect(server, PARTNER);
    await early.reply();
    expect(await tryLogin(server, PARTNER, "alice", "wrong")).toBe(530);
    expect(await tryLogin(server, PARTNER, "nobody", "wrong")).toBe(530);
    expect(await tryLogin(server, PARTNER)).toBe(421);
    expect(reasonOf(server, "logonDenied")).toContain("logonAttempts");
    expect(server.server.metrics.logonsDenied).toBe(1);
    await early.expect("USER alice", 331);
    const right = await early.command("PASS secret");
    await early.expect("USER alice", 331);
    const wrong = await early.command("PASS wrong");
    expect(right.text).toBe(wrong.text);
    expect(right.code).toBe(530);
    expect(await tryLogin(server, STRANGER)).toBe(230);
  });

  it("are only logged in mode logOnly", async () => {
    await using server = await start({ logonAttempts: { failures: 1, mode: "logOnly" } });
    expect(await tryLogin(server, PARTNER, "alice", "wrong")).toBe(530);
    expect(await tryLogin(server, PARTNER)).toBe(230);
    expect(reasonOf(server, "logonWouldBeDenied")).toContain("logOnly");
  });

  it("never deny who is on the allow list", async () => {
    await using server = await start({ logonAttempts: { failures: 1, allowList: [PARTNER] } });
    expect(await tryLogin(server, PARTNER, "alice", "wrong")).toBe(530);
    expect(await tryLogin(server, PARTNER)).toBe(230);
  });
});

describe("connections", () => {
  it("of the server are bounded when somebody connects", async () => {
    await using server = await start({ limits: { connections: 2, connectionsPerAddress: 1 } });
    await using first = await connect(server, PARTNER);
    expect((await first.reply()).code).toBe(220);
    expect(await tryLogin(server, PARTNER)).toBe(421);
    expect(reasonOf(server, "tooManySessions")).toContain("limits.connectionsPerAddress is 1");
    await using second = await connect(server, STRANGER);
    expect((await second.reply()).code).toBe(220);
    expect(await tryLogin(server, "127.0.0.4")).toBe(421);
    expect(reasonOf(server, "tooManySessions")).toContain("limits.connections is 2");
    await first.expect("QUIT", 221);
    await first[Symbol.asyncDispose]();
    await expect.poll(() => server.server.gauges().sessions).toBe(1);
    expect(await tryLogin(server, PARTNER)).toBe(230);
  });

  it("of the machine's own health check are greeted when the server is full, and by nobody else's leave", async () => {
    const site = {
      name: "default",
      // Names are looked up at the login only.
      ipRestrictions: {
        rules: [{ effect: "deny" as const, hostName: "*.example.org" }],
        healthCheckAddresses: [STRANGER],
      },
    };
    await using server = await start({
      limits: { connections: 1, connectionsPerAddress: 1 },
      logonAttempts: { failures: 1 },
      sites: [site],
    });
    expect(await tryLogin(server, STRANGER, "alice", "wrong")).toBe(530);
    await expect.poll(() => server.server.gauges().sessions).toBe(0);
    await using first = await connect(server, PARTNER);
    expect((await first.reply()).code).toBe(220);
    expect(await tryLogin(server, "127.0.0.1")).toBe(421);
    // Greeted, twice at once, and still denied the login for its failed ones.
    await using check = await connect(server, STRANGER);
    expect((await check.reply()).code).toBe(220);
    expect(await tryLogin(server, STRANGER)).toBe(530);
    // It takes a place all the same.
    await first.expect("QUIT", 221);
    await first[Symbol.asyncDispose]();
    await expect.poll(() => server.server.gauges().sessions).toBe(1);
    expect(await tryLogin(server, PARTNER)).toBe(421);
  });

  it("of a site and an account are bounded at the login, and freed by REIN and close", async () => {
    const accounts = (limits: object): ServerSettingsFile["accounts"] => [
      { name: "anonymous", anonymous: true },
      { name: "guest", anonymous: true, limits },
    ];
    await using server = await start({
      sites: [{ name: "default", limits: { connections: 2 } }],
      accounts: accounts({ connections: 1 }),
    });
    await using one = await connect(server, PARTNER);
    await one.login("guest", "x");
    expect(await tryLogin(server, STRANGER, "guest", "x")).toBe(421);
    expect(reasonOf(server, "command")).toContain("account guest");
    await one.expect("REIN", 220);
    await one.expect("USER guest", 331);
    await one.expect("PASS x", 230);
    await using two = await connect(server, PARTNER);
    await two.login("anonymous", "x");
    expect(await tryLogin(server, STRANGER, "anonymous", "x")).toBe(421);
    expect(reasonOf(server, "command")).toContain("site default");
    two.socket.destroy();
    await expect.poll(() => server.server.gauges().sessions).toBe(1);
    expect(await tryLogin(server, STRANGER, "anonymous", "x")).toBe(230);
  });
});
