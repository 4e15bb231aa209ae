/** What every data path promises of a download. */
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { sendChunks, sendFile } from "../../server/data/transfer.ts";
import { collect, digest, never, reset, SIZES, type DataPath } from "./data-path.ts";

export function describeSending(name: string, path: DataPath): void {
  // A path for uploads only has nothing to send with: there is no test to skip.
  if (path.direction !== undefined) return;
  const send = { signal: never, ...path.send };

  describe(`${name}: sending`, () => {
    test.each(SIZES)("%i bytes arrive, then an orderly end", async (size) => {
      const content = randomBytes(size);
      const { client, server } = await path.connect();
      await using source = path.openSource(content);
      let counted = 0;
      const onBytes = (count: number): void => void (counted += count);
      const [bytes, received] = await Promise.all([
        sendFile(server, source, { ...send, onBytes }),
        collect(client),
      ]);
      expect([bytes, counted]).toEqual([size, size]);
      expect(digest(received)).toBe(digest(content));
      expect(server.destroyed).toBe(true);
    });

    test("begins at the offset", async () => {
      const content = randomBytes(500_000);
      const { client, server } = await path.connect();
      await using source = path.openSource(content);
      const [bytes, received] = await Promise.all([
        sendFile(server, source, { ...send, offset: 300_001 }),
        collect(client),
      ]);
      expect(bytes).toBe(199_999);
      expect(digest(received)).toBe(digest(content.subarray(300_001)));
    });

    test("type A converts line ends across every border of chunks", async () => {
      const content = Buffer.from("line\nend\r\n\n\r".repeat(60_000));
      const { client, server } = await path.connect();
      await using source = path.openSource(content);
      const [bytes, received] = await Promise.all([
        sendFile(server, source, { ...send, ascii: true }),
        collect(client),
      ]);
      const expected = content.toString().replaceAll("\n", "\r\n");
      expect(received.toString() === expected).toBe(true);
      expect(bytes).toBe(expected.length);
    });

    test("aborts at once and closes", async () => {
      const { client, server } = await path.connect();
      await using source = path.openSource(randomBytes(50_000_000));
      const controller = new AbortController();
      // The client reads nothing, so the transfer stalls when the buffers on the way are full.
      const sending = sendFile(server, source, { ...send, signal: controller.signal });
      client.once("readable", () => controller.abort(new Error("ABOR")));
      await expect(sending).rejects.toMatchObject({ name: "TransferError", kind: "aborted" });
      expect(server.destroyed).toBe(true);
      client.destroy();
    });

    test("a client that resets is a lost connection", async () => {
      const { client, server } = await path.connect();
      await using source = path.openSource(randomBytes(50_000_000));
      const sending = sendFile(server, source, send);
      client.once("readable", () => reset(client));
      await expect(sending).rejects.toMatchObject({ kind: "connectionLost" });
    });

    test("a client that leaves with bytes unread is a lost connection, however few they are", async () => {
      const { client, server } = await path.connect();
      await using source = path.openSource(randomBytes(150_000));
      let counted = 0;
      const sending = sendFile(server, source, {
        ...send,
        onBytes: (count) => void (counted += count),
      });
      client.once("readable", () => {
        // All of it is on its way or with the client's system, which the client leaves to it.
        const leaving = setInterval(() => {
          if (counted < 150_000) return;
          clearInterval(leaving);
          setTimeout(() => reset(client), 50);
        }, 5);
      });
      await expect(sending).rejects.toMatchObject({ kind: "connectionLost" });
    });

    test("a client is waited for while its system has not got everything", async () => {
      const { client, server } = await path.connect();
      client.pause();
      await using source = path.openSource(randomBytes(400_000));
      const sending = sendFile(server, source, { ...send, closeConfirmationSeconds: 0.05 });
      setTimeout(() => reset(client), 600);
      await expect(sending).rejects.toMatchObject({ kind: "connectionLost" });
    });

    test("a client that leaves the last bytes with us times out", async () => {
      const { client, server } = await path.connect();
      client.pause();
      await using source = path.openSource(randomBytes(400_000));
      await expect(
        sendFile(server, source, {
          ...send,
          closeConfirmationSeconds: 0.05,
          idleTimeoutSeconds: 0.4,
        }),
      ).rejects.toMatchObject({ kind: "timedOut" });
      client.destroy();
    });

    test("a client that takes nothing times out", async () => {
      const { client, server } = await path.connect();
      await using source = path.openSource(randomBytes(50_000_000));
      await expect(
        sendFile(server, source, { ...send, idleTimeoutSeconds: 0.2 }),
      ).rejects.toMatchObject({ kind: "timedOut" });
      expect(server.destroyed).toBe(true);
      client.destroy();
    });

    test("a client may end its own side first", async () => {
      const content = randomBytes(1_000_000);
      const { client, server } = await path.connect();
      client.end();
      await using source = path.openSource(content);
      const [, received] = await Promise.all([sendFile(server, source, send), collect(client)]);
      expect(digest(received)).toBe(digest(content));
    });

    test("a client that waits for the reply before it closes gets it", async () => {
      const { client, server } = await path.connect();
      await using source = path.openSource(randomBytes(1000));
      client.resume();
      const sent = await sendFile(server, source, { ...send, closeConfirmationSeconds: 0.05 });
      expect(sent).toBe(1000);
      client.destroy();
    });

    test("64 at once, each its own bytes", async () => {
      const transfers = Array.from({ length: 64 }, async () => {
        const content = randomBytes(700_000);
        const { client, server } = await path.connect();
        await using source = path.openSource(content);
        const [, received] = await Promise.all([sendFile(server, source, send), collect(client)]);
        return digest(received) === digest(content);
      });
      expect(new Set(await Promise.all(transfers))).toEqual(new Set([true]));
    });

    test("chunks arrive in order, and their producer is told when it may stop", async () => {
      const { client, server } = await path.connect();
      const lines = Array.from({ length: 5000 }, (_, index) => Buffer.from(`${String(index)}\r\n`));
      let finished = false;
      async function* produce(): AsyncGenerator<Uint8Array> {
        try {
          for (const line of lines) yield await Promise.resolve(line);
        } finally {
          finished = true;
        }
      }
      const [bytes, received] = await Promise.all([
        sendChunks(server, produce(), { signal: never }),
        collect(client),
      ]);
      expect(received.toString()).toBe(Buffer.concat(lines).toString());
      expect(bytes).toBe(received.length);
      expect(finished).toBe(true);
    });
  });
}
