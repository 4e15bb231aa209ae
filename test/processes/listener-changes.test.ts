/** Listeners that move while the server runs: all of them, or none. */
import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { freePorts } from "../support/free-ports.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

type Listen = ServerSettingsFile["listen"];

async function reload(server: TestServer, listen: Listen, event: string): Promise<void> {
  const before = server.records.length;
  const text = JSON.stringify({ ...server.settings, listen });
  await writeFile(`${server.settingsFile}.new`, text);
  await rename(`${server.settingsFile}.new`, server.settingsFile);
  for (;;) {
    const record = server.records.slice(before).find((each) => each["event"] === event);
    if (record !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function greets(host: string, port: number): Promise<number> {
  await using client = await WireClient.open(host, port);
  return (await client.reply()).code;
}

/** Whether an FTP server, or nobody, is there. */
const answers = (host: string, port: number): Promise<boolean> =>
  greets(host, port).then(
    (code) => code === 220,
    () => false,
  );

describe.each([[1], [2]])("with %i worker processes", (workers) => {
  const start = (listen: Listen): Promise<TestServer> =>
    startServer({ settings: { workers, listen } });

  it("a health port that is taken leaves everything as it was", async () => {
    const [controlPort = 0, healthProbePort = 0, moved = 0, taken = 0] = await freePorts("::", 4);
    const squatter = createServer().listen(taken, "::");
    await once(squatter, "listening");
    const addresses = ["127.0.0.1"];
    await using server = await start({ addresses, controlPort, healthProbePort });
    const next = { addresses: ["::"], controlPort: moved, healthProbePort: taken };
    await reload(server, next, "settingsRefused");
    expect(await answers("127.0.0.1", controlPort)).toBe(true);
    expect(await answers("127.0.0.1", moved)).toBe(false);
    const health = await fetch(`http://127.0.0.1:${String(healthProbePort)}/healthz`);
    expect(health.status).toBe(200);
    squatter.close();
    await once(squatter, "close");
    await reload(server, next, "settingsReloaded");
    expect(await answers("127.0.0.1", moved)).toBe(true);
    expect(await answers("127.0.0.1", controlPort)).toBe(false);
  });

  it("addresses may change to others that cover the same port", async () => {
    const [controlPort = 0] = await freePorts("::", 1);
    await using server = await start({ addresses: ["0.0.0.0"], controlPort });
    expect(await answers("::1", controlPort)).toBe(false);
    for (const addresses of [
      ["::"],
      ["127.0.0.1"],
      ["127.0.0.1", "::"],
      ["0.0.0.0", "127.0.0.1"],
      ["::", "0.0.0.0"],
      ["::1", "127.0.0.1"],
      ["::"],
    ]) {
      await reload(server, { addresses, controlPort }, "settingsReloaded");
      expect(await answers("127.0.0.1", controlPort)).toBe(true);
      expect(await answers("::1", controlPort)).toBe(
        addresses.some((each) => each.startsWith("::")),
      );
    }
  });

  it("ports may change places", async () => {
    const [one = 0, other = 0] = await freePorts("127.0.0.1", 2);
    const addresses = ["127.0.0.1"];
    await using server = await start({ addresses, controlPort: one, healthProbePort: other });
    const swapped = { addresses, controlPort: other, healthProbePort: one };
    await reload(server, swapped, "settingsReloaded");
    expect(await answers("127.0.0.1", other)).toBe(true);
    expect((await fetch(`http://127.0.0.1:${String(one)}/healthz`)).status).toBe(200);
  });
});

it("a server starts on both wildcard addresses", async () => {
  const [controlPort = 0] = await freePorts("::", 1);
  const listen = { addresses: ["::", "0.0.0.0"], controlPort };
  await using server = await startServer({ settings: { listen } });
  expect(await answers("127.0.0.1", server.settings.listen.controlPort)).toBe(true);
  expect(await answers("::1", server.settings.listen.controlPort)).toBe(true);
});
