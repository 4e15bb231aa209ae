/** Sites at ports and addresses of their own, besides the ports that all share. */
import { writeFileSync, renameSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { joinDeployment, ContractError, type ServerSettingsFile } from "#contract";
import { freePorts } from "../support/free-ports.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ConnectionClosedError, WireClient } from "../support/wire-client.ts";

type Sites = NonNullable<ServerSettingsFile["sites"]>;

async function siteOf(client: WireClient): Promise<string> {
  expect((await client.reply()).code).toBe(220);
  await client.expect("USER alice", 331);
  await client.expect("PASS secret", 230);
  return /on site (\S+)/.exec((await client.expect("STAT", 211)).text)?.[1] ?? "";
}

const at = async (host: string, port: number): Promise<string> => {
  await using client = await WireClient.open(host, port);
  return await siteOf(client);
};

describe("bindings with ports and addresses", () => {
  it("lead to their site, plain and with implicit TLS, from the start and after a reload", async () => {
    const [control = 0, own = 0, implicit = 0, later = 0] = await freePorts("127.0.0.1", 4);
    const sites = (partnerPort: number): Sites => [
      { name: "main.test" },
      {
        name: "partner.test",
        bindings: [
          { channel: "control", port: partnerPort },
          { channel: "implicitTls", port: implicit, hostName: "other.test" },
        ],
      },
      { name: "inside.test", bindings: [{ channel: "control", address: "127.0.0.2" }] },
    ];
    const listen = { addresses: ["127.0.0.1", "127.0.0.2"], controlPort: control };
    await using server: TestServer = await startServer({
      tls: true,
      settings: { listen, sites: sites(own) },
    });
    expect(await at("127.0.0.1", control)).toBe("main.test");
    expect(await at("127.0.0.1", own)).toBe("partner.test");
    await using secured = await WireClient.openTls("127.0.0.1", implicit);
    expect(await siteOf(secured)).toBe("partner.test");
    expect((await secured.expect("STAT", 211)).text).toContain("data connections with TLS");
    // A host of another entrance is none here.
    await using wrong = await WireClient.open("127.0.0.1", own);
    expect((await wrong.reply()).code).toBe(220);
    expect(await wrong.code("HOST main.test")).toBe(504);
    expect(await wrong.code("HOST partner.test")).toBe(220);
    await using inside = await WireClient.open("127.0.0.2", control);
    expect((await inside.reply()).code).toBe(220);
    expect(await inside.code("HOST inside.test")).toBe(220);
    await using outside = await WireClient.open("127.0.0.1", control);
    expect((await outside.reply()).code).toBe(220);
    expect(await outside.code("HOST inside.test")).toBe(504);

    const changed = { ...server.settings, sites: sites(later) };
    writeFileSync(`${server.settingsFile}.new`, JSON.stringify(changed));
    renameSync(`${server.settingsFile}.new`, server.settingsFile);
    await server.logged("settingsReloaded");
    expect(await at("127.0.0.1", later)).toBe("partner.test");
    await expect(WireClient.open("127.0.0.1", own)).rejects.toThrow("ECONNREFUSED");
  });

  it("leave nobody at an address that no site is bound to", async () => {
    const [control = 0, own = 0] = await freePorts("127.0.0.1", 2);
    await using server = await startServer({
      settings: {
        listen: { addresses: ["127.0.0.1", "127.0.0.2"], controlPort: control },
        sites: [
          { name: "main.test" },
          { name: "own.test", bindings: [{ port: own, address: "127.0.0.2" }] },
        ],
      },
    });
    expect(await at("127.0.0.2", own)).toBe("own.test");
    await using client = await WireClient.open("127.0.0.1", own);
    expect((await client.reply()).code).toBe(421);
    await expect(client.reply()).rejects.toThrow(ConnectionClosedError);
    expect((await server.logged("sessionEnded"))["cause"]).toBe("otherHost");
  });
});

describe("bindings that cannot be", () => {
  const problemOf = (sites: Sites): string => {
    try {
      joinDeployment(
        {
          listen: { addresses: ["192.0.2.1"], controlPort: 21, healthProbePort: 8021 },
          passive: { ports: "50000-50099" },
          dataFolder: "data",
          sites,
        },
        undefined,
      );
      return "";
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      return error.message;
    }
  };
  const one = { name: "one.test" };

  it.each([
    ["the port of the channel", { port: 21 }, /listen\.controlPort: leave the port out/],
    ["the port of health probes", { port: 8021 }, /healthProbePort/],
    ["a passive port", { port: 50_001 }, /lies in passive\.ports 50000-50099/],
    ["an address that is not listened on", { address: "192.0.2.9" }, /is not listened on/],
    ["no address", { address: "elsewhere" }, /is no IP address/],
    ["TLS without a certificate", { channel: "implicitTls", port: 2990 }, /needs a certificate/],
  ] as const)("%s", (_, binding, problem) => {
    expect(problemOf([one, { name: "two.test", bindings: [binding] }])).toMatch(problem);
  });

  it("two channels on one port, or two sites for nobody in particular", () => {
    const two = (...bindings: Sites[number]["bindings"] & object[]): Sites => [
      one,
      { name: "two.test", bindings: [{ port: 2121 }] },
      { name: "three.test", certificateFile: "c.pem", bindings },
    ];
    expect(problemOf(two({ channel: "implicitTls", port: 2121 }))).toMatch(
      /bound to the channel control too/,
    );
    expect(problemOf(two({ port: 2121 }))).toMatch(/claimed by site two\.test too/);
    expect(problemOf(two({ port: 2121, hostName: "c.test" }))).toMatch(/^$/);
  });
});
