/** What the policies of control and data connections demand and refuse. */
import { describe, expect, it } from "vitest";
import type { TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";
import { startWith } from "./tls-server.ts";

describe("control policy", () => {
  it("require: nothing but getting to TLS works in the clear", async () => {
    await using server = await startWith({ controlPolicy: "require", dataPolicy: "allow" });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    expect(await client.code("USER alice")).toBe(534);
    expect(await client.code("PASS secret")).toBe(534);
    expect(await client.code("PWD")).toBe(534);
    expect(await client.code("FEAT")).toBe(211);
    expect(await client.code("NOOP")).toBe(200);
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
  });

  it("requireForCredentials: passwords need TLS, anonymous logins do not", async () => {
    await using server = await startWith({
      controlPolicy: "requireForCredentials",
      dataPolicy: "allow",
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    expect(await client.code("USER alice")).toBe(534);
    expect(await client.code("PASS secret")).toBe(503);
    expect(await client.code("USER anonymous")).toBe(331);
    expect(await client.code("PASS me@example.org")).toBe(230);
    expect(await client.code("PWD")).toBe(257);
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
  });
});

describe("data policy", () => {
  const secured = async (server: TestServer): Promise<WireClient> => {
    const client = await WireClient.open(server.host, server.controlPort);
    await client.reply();
    await client.expect("AUTH TLS", 234);
    await client.secure();
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 230);
    return client;
  };

  it("require: PROT C is refused, and so are clear transfers", async () => {
    await using server = await startWith({ controlPolicy: "allow", dataPolicy: "require" });
    await using client = await secured(server);
    await client.expect("EPSV", 229);
    expect(await client.code("NLST")).toBe(521);
    await client.expect("PBSZ 0", 200);
    expect(await client.code("PROT C")).toBe(534);
    await client.expect("PROT P", 200);
    await using plain = await WireClient.open(server.host, server.controlPort);
    await plain.login();
    await plain.expect("EPSV", 229);
    expect(await plain.code("LIST")).toBe(521);
  });

  it("deny: PROT P is refused, clear transfers work", async () => {
    await using server = await startWith({ controlPolicy: "allow", dataPolicy: "deny" });
    await using client = await secured(server);
    await client.expect("PBSZ 0", 200);
    expect(await client.code("PROT P")).toBe(534);
    expect((await client.download("NLST")).codes).toEqual([150, 226]);
  });
});
