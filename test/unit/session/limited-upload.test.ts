import { describe, expect, it } from "vitest";
import { LimitedUpload } from "../../../server/session/limited-upload.ts";
import { InMemoryStorage } from "../../../server/storage/in-memory.ts";
import type { WriteMode } from "../../../server/storage/storage.ts";

/** Opens uploads to storage that may hold 1000 bytes. */
async function openHome() {
  const storage = new InMemoryStorage();
  const usage = await storage.usage();
  const bounds = {
    site: { name: "default" },
    account: { name: "alice", storageBytes: 1000 },
    usage,
  };
  const open = async (
    path: string,
    existingBytes = 0,
    mode: WriteMode = { kind: "replace" },
  ): Promise<LimitedUpload> =>
    LimitedUpload.open(await storage.openWrite(path, mode), bounds, existingBytes);
  return { storage, usage, open };
}

const bytes = (count: number): Uint8Array => new Uint8Array(count);
const exceeded = { name: "StorageError", kind: "quotaExceeded" };

describe("an upload with a quota", () => {
  it("shares what is left with the others under way", async () => {
    const { usage, open } = await openHome();
    const first = await open("/a");
    const second = await open("/b");
    await first.write(bytes(700));
    await expect(second.write(bytes(301))).rejects.toMatchObject(exceeded);
    await second[Symbol.asyncDispose]();
    {
      await using third = await open("/c");
      await third.write(bytes(300));
      await third.commit();
    }
    await expect(open("/d")).rejects.toMatchObject(exceeded);
    // Given up: what it had reserved is free again.
    await first[Symbol.asyncDispose]();
    expect(usage.usedBytes).toBe(300);
    await using fourth = await open("/d");
    await fourth.write(bytes(700));
  });

  it("counts what it announces like what it writes", async () => {
    const { usage, open } = await openHome();
    {
      await using upload = await open("/a");
      upload.reserve(600);
      expect(usage.usedBytes).toBe(600);
      expect(() => upload.reserve(401)).toThrow(expect.objectContaining(exceeded));
    }
    expect(usage.usedBytes).toBe(0);
  });

  it("pays only for what the file grows", async () => {
    const { storage, usage, open } = await openHome();
    {
      await using upload = await open("/a");
      await upload.write(bytes(900));
      await upload.commit();
    }
    {
      await using again = await open("/a", 900);
      await again.write(bytes(1000));
      await expect(again.write(bytes(1))).rejects.toMatchObject(exceeded);
    }
    {
      await using more = await open("/a", 900, { kind: "append" });
      await more.write(bytes(100));
      await expect(more.write(bytes(1))).rejects.toMatchObject(exceeded);
    }
    expect((await storage.entry("/a")).sizeBytes).toBe(900);
    expect(usage.usedBytes).toBe(900);
  });
});
