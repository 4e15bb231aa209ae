/** A server for all tests of a file, and a new client for each of them, already logged in. */
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { startServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

export let server: TestServer;
export let client: WireClient;

/** Opens and closes both around the tests of the file that calls it. */
export function useLoggedInClient(options: TestServerOptions): void {
  beforeAll(async () => {
    server = await startServer(options);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  beforeEach(async () => {
    client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    return async () => {
      await client[Symbol.asyncDispose]();
    };
  });
}

export const dataPath = (name: string): string => join(server.dataFolder, name);
