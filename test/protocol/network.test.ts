/** Addresses and sockets: IPv6 end to end, advertised addresses, keepalive. */
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { startServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((each) => each?.address === "::1");

describe.skipIf(!hasIpv6)("over IPv6", () => {
  it("serves EPSV, and says why PASV cannot work", async () => {
    await using server = await startServer({ host: "::1", settings: { activeMode: true } });
    await using client = await WireClient.open("::1", server.controlPort);
    await client.login();
    expect(await client.upload("STOR six.txt", "six")).toEqual([150, 226]);
    expect((await client.download("RETR six.txt")).data).toBe("six");
    expect(await client.code("EPSV 2")).toBe(229);
    expect((await client.expect("EPSV 1", 522)).text).toContain("(2)");
    expect(await client.code("PASV")).toBe(425);
    expect(await client.code("EPRT |2|::2|50000|")).toBe(504);
    expect(await client.code("EPRT |2|0:0:0:0:0:0:0:1|50000|")).toBe(200);
    expect(await client.code("EPRT |1|127.0.0.1|50000|")).toBe(522);
  });

  it("serves IPv4 and IPv6 from one listener on ::", async () => {
    await using server = await startServer({ host: "::" });
    for (const host of ["127.0.0.1", "::1"]) {
      await using client = await WireClient.open(host, server.controlPort);
      await client.login();
      expect((await client.expect("STAT", 211)).text).toContain(`Connected from ${host},`);
      expect((await client.download("NLST")).codes).toEqual([150, 226]);
    }
  });
});

it("advertises the deployment's address in 227 and no address in 229", async () => {
  await using first = await startServer({ advertisedAddress: "203.0.113.7" });
  await using client = await WireClient.open(first.host, first.controlPort);
  await client.login();
  expect((await client.expect("PASV", 227)).text).toMatch(/\(203,0,113,7,\d+,\d+\)$/);
  expect((await client.expect("EPSV", 229)).text).toMatch(/\(\|\|\|\d+\|\)$/);
});

it.skipIf(process.platform !== "linux")("keeps control connections alive", async () => {
  await using server = await startServer({
    settings: { keepalive: { idleSeconds: 7, intervalSeconds: 3, count: 9 } },
  });
  await using client = await WireClient.open(server.host, server.controlPort);
  await client.reply();
  // Lines of /proc/net/tcp: local and remote address, state, queues, timer (2: keepalive) and when.
  const port = server.controlPort.toString(16).toUpperCase().padStart(4, "0");
  const line = (await readFile("/proc/net/tcp", "utf8"))
    .split("\n")
    .map((each) => each.trim().split(/\s+/))
    .find(([, local, , state]) => local?.endsWith(`:${port}`) === true && state === "01");
  const [timer, whenHex] = (line?.[5] ?? "").split(":");
  expect(timer).toBe("02");
  // In ticks of 10 ms, counting down from the idle time.
  expect(parseInt(whenHex ?? "0", 16)).toBeGreaterThan(500);
  expect(parseInt(whenHex ?? "0", 16)).toBeLessThanOrEqual(700);
});
