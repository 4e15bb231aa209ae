/** What settings bound on the wire: time, connections, bandwidth, sizes. */
import { describe, expect, it } from "vitest";
import type { Clock } from "../../server/access/bandwidth.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import type { StorageAdapter } from "../../server/storage/storage.ts";
import { startInProcess, type InProcessServer } from "../support/in-process-server.ts";
import { WireClient } from "../support/wire-client.ts";

const openStorage = (folder: string): Promise<StorageAdapter> => LocalDisk.open(folder);

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

describe("bandwidth", () => {
  /** A clock that stands still until somebody waits for it, and then jumps to what is due. */
  const jumpingClock = (): Clock => {
    let nowMs = 0;
    return {
      nowMs: () => nowMs,
      schedule: (delayMs, task) => {
        const timer = setImmediate(() => {
          nowMs += delayMs;
          task();
        });
        return () => clearImmediate(timer);
      },
    };
  };

  it.each([
    [
      "of the account",
      { sites: [{ name: "default" }] },
      { bandwidth: { upBytesPerSecond: 1000, downBytesPerSecond: 1000 } },
    ],
    [
      "of each session on the site",
      {
        sites: [
          {
            name: "default",
            limits: { sessionBandwidth: { upBytesPerSecond: 1000, downBytesPerSecond: 1000 } },
          },
        ],
      },
      {},
    ],
  ])(
    "%s slows down uploads and downloads, and no byte is lost",
    async (_what, settings, limits) => {
      const clock = jumpingClock();
      await using server = await startInProcess({
        openStorage,
        clock,
        settings: { ...settings, accounts: [{ name: "guest", anonymous: true, limits }] },
      });
      await using client = await open(server, "guest");
      const content = "x".repeat(10_000);
      expect(await client.upload("STOR a.bin", content)).toEqual([150, 226]);
      // The first one came in one piece, which was let through into debt; the next one pays for it.
      expect(await client.upload("STOR b.bin", content)).toEqual([150, 226]);
      const uploadedMs = clock.nowMs();
      expect(uploadedMs).toBeGreaterThan(8_000);
      const { data, codes } = await client.download("RETR a.bin");
      expect(codes).toEqual([150, 226]);
      expect(data).toBe(content);
      expect(clock.nowMs() - uploadedMs).toBeGreaterThan(8_000);
    },
  );
});
