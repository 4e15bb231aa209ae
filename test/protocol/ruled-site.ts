/** A site with rules, its accounts and its files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServerSettingsFile } from "#contract";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

export type Site = NonNullable<ServerSettingsFile["sites"]>[number];

const passwordHash = await hashPassword("secret", { logCost: 4, blockSize: 8, parallelism: 1 });

const ACCOUNTS: ServerSettingsFile["accounts"] = [
  { name: "user1", passwordHash, groups: ["FTPUsersA"] },
  { name: "user3", passwordHash, groups: ["FTPUsersB"] },
  { name: "user5", passwordHash, domain: "CORP" },
  { name: "anonymous", anonymous: true },
];

export async function start(site: Partial<Site>, files: readonly string[]): Promise<TestServer> {
  const server = await startServer({
    settings: { sites: [{ name: "default", ...site }], accounts: ACCOUNTS },
  });
  for (const file of files) {
    const path = join(server.dataFolder, file);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, file);
  }
  return server;
}

export async function login(server: TestServer, user: string): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.reply();
  await client.expect(`USER ${user}`, 331);
  await client.expect("PASS secret", 230);
  return client;
}
