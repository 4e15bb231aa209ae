/** A reload takes effect as a whole or not at all, and the next one is judged afresh. */
import { once } from "node:events";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { makeTestCertificate } from "../support/certificate.ts";
import { freePorts } from "../support/free-ports.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

async function reload(
  server: TestServer,
  by: Partial<ServerSettingsFile>,
  event: "settingsReloaded" | "settingsRefused",
): Promise<void> {
  const before = server.records.length;
  await writeFile(`${server.settingsFile}.new`, JSON.stringify({ ...server.settings, ...by }));
  await rename(`${server.settingsFile}.new`, server.settingsFile);
  await expect
    .poll(
      () =>
        server.records
          .slice(before)
          .map((record) => record["event"])
          .filter((each) => each === "settingsReloaded" || each === "settingsRefused"),
      { timeout: 20_000 },
    )
    .toContain(event);
}

async function fingerprintOf({ host, implicitTlsPort: port }: TestServer): Promise<string> {
  const socket = connect({ host, port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

it.each([[1], [2]])(
  "a renewed certificate waits for settings that hold (%i worker processes)",
  async (workers) => {
    await using server = await startServer({ tls: true, settings: { workers } });
    const { settings, certificateFile, host } = server;
    const [healthProbePort = 0] = await freePorts(host, 1);
    const squatter = createServer().listen(healthProbePort, host);
    await once(squatter, "listening");
    const wanted = { listen: { ...settings.listen, healthProbePort } };
    await reload(server, wanted, "settingsRefused");
    const before = await fingerprintOf(server);
    await writeFile(certificateFile, (await makeTestCertificate()).pem);
    await reload(server, wanted, "settingsRefused");
    expect(await fingerprintOf(server)).toBe(before);
    squatter.close();
    await once(squatter, "close");
    await reload(server, wanted, "settingsReloaded");
    expect(await fingerprintOf(server)).not.toBe(before);
  },
);

it("a reload that is refused leaves the count of failed logons shared", async () => {
  const logonAttempts = { failures: 2 };
  await using server = await startServer({ settings: { workers: 2, logonAttempts } });
  const { settings, host } = server;
  const squatter = createServer().listen(0, host);
  await once(squatter, "listening");
  const { port: healthProbePort } = squatter.address() as AddressInfo;
  const listen = { ...settings.listen, healthProbePort };
  await reload(server, { listen, logonAttempts: { failures: 3 } }, "settingsRefused");
  squatter.close();
  // Two at a time are in two workers; each of them hears of one failure only.
  await using here = await WireClient.open(host, server.controlPort);
  await using there = await WireClient.open(host, server.controlPort);
  for (const client of [here, there]) {
    await client.reply();
    await client.expect("USER alice", 331);
    await client.expect("PASS wrong", 530);
  }
  for (const client of [here, there]) {
    await client.expect("USER alice", 331);
    await client.expect("PASS secret", 530);
  }
});

it("a folder that could not be used is tried again once it is mended", async () => {
  await using server = await startServer();
  const dataFolder = join(server.folder, "blocked");
  await writeFile(dataFolder, "a file where a folder is wanted");
  await reload(server, { dataFolder }, "settingsRefused");
  await rm(dataFolder);
  await mkdir(dataFolder);
  await reload(server, { dataFolder }, "settingsReloaded");
});
