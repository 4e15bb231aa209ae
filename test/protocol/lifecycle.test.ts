/** Settings that change while the server runs, and how it goes down. */
import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { freePorts } from "../support/free-ports.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

async function replaceSettings(server: TestServer, text: string): Promise<void> {
  await writeFile(`${server.settingsFile}.new`, text);
  await rename(`${server.settingsFile}.new`, server.settingsFile);
}

async function change(server: TestServer, by: Partial<ServerSettingsFile>): Promise<void> {
  await replaceSettings(server, JSON.stringify({ ...server.settings, ...by }));
  await server.logged("settingsReloaded");
}

describe("reload", () => {
  it("happens when the file is replaced, and shuts out who was disabled", async () => {
    await using server = await startServer({ accounts: { alice: "secret", bob: "b" } });
    await using alice = await WireClient.open(server.host, server.controlPort);
    await alice.login();
    await using bob = await WireClient.open(server.host, server.controlPort);
    await bob.login("bob", "b");
    const accounts = server.settings.accounts?.map((account) =>
      account.name === "alice" ? { ...account, disabled: true } : account,
    );
    await change(server, { accounts: accounts ?? [] });
    expect(await alice.code("PWD")).toBe(421);
    await alice.closed();
    expect(await bob.code("PWD")).toBe(257);
  });

  it("changes rights of live sessions at their next command", async () => {
    await using server = await startServer();
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("MKD before", 257);
    await change(server, {
      accounts: server.settings.accounts?.map((each) => ({ ...each, permissions: ["read"] })) ?? [],
    });
    expect(await client.code("MKD after")).toBe(550);
  });

  it("leaves everything in force when the file does not hold, and says why", async () => {
    await using server = await startServer();
    await replaceSettings(server, '{"listen": {"controlport": 21}}');
    const record = await server.logged("settingsRefused");
    expect(String(record["problem"])).toContain("controlPort");
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
  });

  it("happens on SIGHUP, opens new listeners and closes old ones", async () => {
    await using server = await startServer();
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    const [moved = 0] = await freePorts(server.host, 1);
    await change(server, { listen: { addresses: [server.host], controlPort: moved } });
    expect(await client.code("NOOP")).toBe(200);
    await using other = await WireClient.open(server.host, moved);
    await other.login();
    await expect(WireClient.open(server.host, server.controlPort)).rejects.toThrow("ECONNREFUSED");
  });
});

describe("SIGTERM", () => {
  it("lets a transfer finish, tells everybody, and ends the process", async () => {
    await using server = await startServer();
    await using idle = await WireClient.open(server.host, server.controlPort);
    await idle.login();
    await using busy = await WireClient.open(server.host, server.controlPort);
    await busy.login();
    const data = await busy.openData();
    await busy.expect("STOR last.bin", 150);
    const ended = once(server.process, "exit");
    server.process.kill("SIGTERM");
    expect((await idle.reply()).code).toBe(421);
    await expect(WireClient.open(server.host, server.controlPort)).rejects.toThrow("ECONNREFUSED");
    data.end("saved");
    expect((await busy.reply()).code).toBe(226);
    expect((await busy.reply()).code).toBe(421);
    expect(await ended).toEqual([0, null]);
  });
});

describe("start", () => {
  const refusedWith = (settings: Partial<ServerSettingsFile>): Promise<string> =>
    startServer({ settings }).then(
      async (server) => {
        await server[Symbol.asyncDispose]();
        return "started";
      },
      (error: unknown) => String(error),
    );

  it("says which folder cannot be used", async () => {
    const message = await refusedWith({ dataFolder: "/dev/null/data" });
    expect(message).toContain("dataFolder: /dev/null/data cannot be opened");
    expect(message).not.toContain("    at ");
  });

  it("says which port is taken", async () => {
    await using server = await startServer();
    const { host: address, controlPort } = server;
    const message = await refusedWith({ listen: { addresses: [address], controlPort } });
    expect(message).toContain(`port ${String(controlPort)} of ${address} is in use`);
  });

  it("says what needs a certificate", async () => {
    expect(await refusedWith({ tls: { controlPolicy: "require" } })).toContain("certificate");
  });

  it.each([
    [["--nonsense"], "--settings FILE"],
    [[], "--settings is missing"],
    [["--settings", "/nonexistent/settings.json"], "does not exist"],
  ])("with %j says what is wrong, without a stack trace", async (args, message) => {
    const { spawnSync } = await import("node:child_process");
    const { fileURLToPath } = await import("node:url");
    const entry = fileURLToPath(new URL("../../server/main.ts", import.meta.url));
    const result = spawnSync(process.execPath, [entry, ...args], { encoding: "utf8" });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toContain("    at ");
  });
});

describe("a certificate that expires soon", () => {
  it("is warned of in the log at the start and with a reload", async () => {
    await using server = await startServer({ tls: true });
    const warnings = () => server.records.filter(({ event }) => event === "certificateExpiring");
    expect((await server.logged("certificateExpiring"))["expires"]).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(warnings()).toHaveLength(1);
    server.process.kill("SIGHUP");
    while (warnings().length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
