/** A server with a large file, and what clients do to it in the middle of a transfer. */
import { truncate, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

export let server: TestServer;
const BIG_BYTES = 256 * 1024 * 1024;

/** Runs the server for the tests of the file that calls it. */
export function useTransferServer(): void {
  beforeAll(async () => {
    server = await startServer({ passivePorts: 20 });
    await writeFile(join(server.dataFolder, "big"), "");
    await truncate(join(server.dataFolder, "big"), BIG_BYTES);
  });
  afterAll(() => server[Symbol.asyncDispose]());
}

export const open = async (): Promise<WireClient> => {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
};

/** Resolves when a socket is closed, by whatever. */
export function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => undefined).once("close", () => resolve());
  });
}
