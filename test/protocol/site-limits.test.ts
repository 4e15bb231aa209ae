/** What settings bound on the wire: time, connections, bandwidth, sizes. */
import { describe, expect, it } from "vitest";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import type { Storage } from "../../server/storage/storage.ts";
import { startInProcess, type InProcessServer } from "../support/in-process-server.ts";
import { WireClient } from "../support/wire-client.ts";

const openStorage = (folder: string): Promise<Storage> => LocalDisk.open(folder);

const open = async (server: InProcessServer, user = "alice"): Promise<WireClient> => {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login(user);
  return client;
};

describe("time-outs", () => {
  it("are those of the site that the session logged in to", async () => {
    await using server = await startInProcess({
      openStorage,
      settings: {
        sites: [{ name: "patient" }, { name: "quick", timeouts: { controlSeconds: 1 } }],
      },
    });
    await using patient = await open(server);
    await using quick = await open(server, "quick|alice");
    expect((await quick.reply()).code).toBe(421);
    expect(await patient.code("NOOP")).toBe(200);
  });

  it("of the first site hold until a session has logged in", async () => {
    await using server = await startInProcess({
      openStorage,
      settings: { sites: [{ name: "default", timeouts: { unauthenticatedSeconds: 1 } }] },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    expect((await client.reply()).code).toBe(220);
    expect((await client.reply()).code).toBe(421);
  });
});
