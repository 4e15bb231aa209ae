/** Logins that the settings do not know, checked by an external service. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

interface Asked {
  readonly userName: string;
  readonly authorization: string | undefined;
}

interface Hook extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** Accepts everybody whose password is `right`, as a member of `partners`. */
async function startHook(): Promise<Hook> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((text) => {
      const { userName, password } = JSON.parse(text) as { userName: string; password: string };
      asked.push({ userName, authorization: request.headers.authorization });
      const accepted = password === "right";
      response.end(JSON.stringify({ accepted, groups: ["partners"], home: `/homes/${userName}` }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}/login`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

async function login(server: TestServer, user: string, password: string): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.reply();
  await client.expect(`USER ${user}`, 331);
  await client.expect(`PASS ${password}`, 230);
  return client;
}

async function refused(server: TestServer, user: string, password: string): Promise<number> {
  await using client = await WireClient.open(server.host, server.controlPort);
  await client.reply();
  await client.expect(`USER ${user}`, 331);
  return await client.code(`PASS ${password}`);
}

async function reload(server: TestServer, change: Partial<ServerSettingsFile>): Promise<void> {
  const count = (): number =>
    server.records.filter(({ event }) => event === "settingsReloaded").length;
  const before = count();
  writeFileSync(server.settingsFile, JSON.stringify({ ...server.settings, ...change }));
  server.process.kill("SIGHUP");
  await expect.poll(count, { timeout: 10_000 }).toBeGreaterThan(before);
}

describe("the authentication hook", () => {
  it("is asked about names that the settings do not hold, and about no others", async () => {
    await using hook = await startHook();
    await using server = await startServer({
      settings: {
        authenticationHook: { url: hook.url },
        sites: [{ name: "files", authorization: [{ effect: "allow", groups: ["partners"] }] }],
      },
    });
    await using partner = await login(server, "partner", "right");
    expect(await partner.code("MKD made")).toBe(257);
    expect(await refused(server, "partner", "wrong")).toBe(530);
    expect(await refused(server, "alice", "right")).toBe(530);
    await using alice = await login(server, "alice", "secret");
    expect(await alice.code("MKD other")).toBe(550);
    await using anonymous = await login(server, "ftp", "me@example.org");
    await anonymous.expect("NOOP", 200);
    expect(hook.asked.map(({ userName }) => userName)).toEqual(["partner", "partner"]);
  });

  it("gets its token from a file, and a reload keeps those whom it let in", async () => {
    await using hook = await startHook();
    await using server = await startServer();
    writeFileSync(join(server.folder, "token"), "s3cret\n");
    const authenticationHook = { url: hook.url, bearerTokenFile: "token" };
    await reload(server, { authenticationHook });
    await using partner = await login(server, "partner", "right");
    expect(hook.asked[0]?.authorization).toBe("Bearer s3cret");
    const closed = { name: "files", authorization: [] };
    await reload(server, { authenticationHook, sites: [{ name: "default" }], activeMode: true });
    expect(await partner.code("MKD one")).toBe(257);
    await reload(server, { authenticationHook, sites: [{ ...closed, name: "default" }] });
    expect(await partner.code("MKD two")).toBe(550);
    await reload(server, {});
    expect(await partner.code("NOOP")).toBe(421);
    expect(JSON.stringify(server.records)).not.toMatch(/s3cret|right/u);
  });

  it("lets nobody in while it cannot be reached, but the accounts of the settings", async () => {
    await using server = await startServer({
      settings: { authenticationHook: { url: "http://127.0.0.1:9/login", timeoutSeconds: 1 } },
    });
    expect(await refused(server, "partner", "right")).toBe(530);
    await using alice = await login(server, "alice", "secret");
    await alice.expect("NOOP", 200);
  });

  it("counts nobody's failures while it cannot be asked", async () => {
    await using server = await startServer({
      settings: {
        authenticationHook: { url: "http://127.0.0.1:9/login", timeoutSeconds: 1 },
        logonAttempts: { failures: 1 },
      },
    });
    expect(await refused(server, "partner", "right")).toBe(530);
    // The same address is still heard.
    await using alice = await login(server, "alice", "secret");
    await alice.expect("NOOP", 200);
    expect(server.records).toContainEqual(
      expect.objectContaining({ event: "command", verb: "PASS", cause: "authenticatorFailed" }),
    );
  });
});
