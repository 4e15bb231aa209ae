/** Whoever reads the log may go first; the server serves on, and ends when it is told to. */
import { once } from "node:events";
import { expect, it } from "vitest";
import { startServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

it.each([1, 2])("without a reader of the log, with %i worker processes", async (workers) => {
  await using server = await startServer({ settings: { workers } });
  server.process.stdout?.destroy();
  for (let session = 0; session < 4; session++) {
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login();
    await client.expect("QUIT", 221);
  }
  const ended = once(server.process, "exit");
  server.process.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
