import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { digestRange } from "../../../server/data/digest.ts";
import type { ReadHandle } from "../../../server/storage/storage.ts";

/** A file of zeros that counts how often it is read. */
function zeros(sizeBytes: number, realBytes = sizeBytes): ReadHandle & { reads: number } {
  return {
    reads: 0,
    sizeBytes,
    fileDescriptor: undefined,
    read(buffer, position) {
      this.reads++;
      const count = Math.max(0, Math.min(buffer.length, realBytes - position));
      buffer.fill(0, 0, count);
      return Promise.resolve(count);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describe("digest", () => {
  it("covers the range and nothing else", async () => {
    const { signal } = new AbortController();
    const expected = createHash("sha256").update(Buffer.alloc(700_000)).digest("hex");
    const range = { start: 100_000, end: 800_000 };
    expect(await digestRange(zeros(1_000_000), "SHA-256", range, signal)).toBe(expected);
    expect(await digestRange(zeros(5), "CRC32", { start: 0, end: 0 }, signal)).toBe("00000000");
  });

  it("stops reading when the session ends, long before the end of the file", async () => {
    const controller = new AbortController();
    const file = zeros(2 ** 50);
    const hashing = digestRange(file, "MD5", { start: 0, end: 2 ** 50 }, controller.signal);
    setImmediate(() => controller.abort());
    await expect(hashing).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
    const { reads } = file;
    await new Promise((resolve) => setImmediate(resolve));
    expect(file.reads).toBe(reads);
  });

  it("does not answer for a file that has become shorter", async () => {
    const { signal } = new AbortController();
    const range = { start: 0, end: 1000 };
    await expect(digestRange(zeros(1000, 500), "SHA-1", range, signal)).rejects.toMatchObject({
      kind: "busy",
    });
  });
});
