/** What every data path promises of an upload. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { receiveFile } from "../../server/data/transfer.ts";
import { digest, never, reset, SIZES, type DataPath } from "./data-path.ts";

export function describeReceiving(name: string, path: DataPath): void {
  const receive = { signal: never, ...path.receive };

  describe(`${name}: receiving`, () => {
    test.each(SIZES)("%i bytes are written", async (size) => {
      const content = randomBytes(size);
      const { client, server } = await path.connect();
      await using target = path.openTarget();
      let counted = 0;
      const onBytes = (count: number): void => void (counted += count);
      client.on("error", () => undefined).resume();
      client.end(content);
      const bytes = await receiveFile(server, target, { ...receive, onBytes });
      expect([bytes, counted]).toEqual([size, size]);
      expect(digest(target.content())).toBe(digest(content));
    });

    test("continues behind what is there", async () => {
      const content = randomBytes(300_000);
      const before = randomBytes(70_000);
      const { client, server } = await path.connect();
      await using target = path.openTarget(before);
      client.resume().end(content);
      expect(await receiveFile(server, target, receive)).toBe(300_000);
      expect(digest(target.content())).toBe(digest(Buffer.concat([before, content])));
    });

    test("many small pieces, slowly", async () => {
      const pieces = Array.from({ length: 40 }, () => randomBytes(997));
      const { client, server } = await path.connect();
      await using target = path.openTarget();
      client.resume();
      const receiving = receiveFile(server, target, receive);
      for (const piece of pieces) {
        client.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      client.end();
      expect(await receiving).toBe(40 * 997);
      expect(digest(target.content())).toBe(digest(Buffer.concat(pieces)));
    });

    test("type A converts line ends across every border of chunks", async () => {
      const content = Buffer.from("line\r\nend\n\r\r\n\r".repeat(60_000));
      const { client, server } = await path.connect();
      await using target = path.openTarget();
      client.resume().end(content);
      const bytes = await receiveFile(server, target, { ...receive, ascii: true });
      expect(bytes).toBe(content.length);
      expect(target.content().toString() === content.toString().replaceAll("\r\n", "\n")).toBe(
        true,
      );
    });

    test("a reset is a lost connection, and what came before it is kept", async () => {
      const content = randomBytes(100_000);
      const { client, server } = await path.connect();
      await using target = path.openTarget();
      client.on("error", () => undefined).resume();
      let seen = 0;
      const receiving = receiveFile(server, target, {
        ...receive,
        onBytes: (count) => void (seen += count),
      });
      client.write(content);
      await new Promise((resolve) => setTimeout(resolve, 100));
      client.write("x");
      await new Promise((resolve) => setTimeout(resolve, 100));
      reset(client);
      await expect(receiving).rejects.toMatchObject({ kind: "connectionLost" });
      const kept = target.content();
      expect(kept.length).toBeGreaterThanOrEqual(seen);
      expect(digest(kept.subarray(0, 100_000))).toBe(digest(content));
    });

    test("aborts at once and closes", async () => {
      const { client, server } = await path.connect();
      await using target = path.openTarget();
      const controller = new AbortController();
      const receiving = receiveFile(server, target, { ...receive, signal: controller.signal });
      client.write("beginning");
      const closed = Promise.race([once(client.resume(), "end"), once(client, "close")]).catch(
        () => undefined,
      );
      setImmediate(() => controller.abort());
      await expect(receiving).rejects.toMatchObject({ kind: "aborted" });
      await closed;
    });

    test("does not begin when aborted before", async () => {
      const { client, server } = await path.connect();
      await using target = path.openTarget();
      await expect(
        receiveFile(server, target, { ...receive, signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ kind: "aborted" });
      expect(server.destroyed).toBe(true);
      client.destroy();
    });

    test("a silent client times out", async () => {
      const { client, server } = await path.connect();
      await using target = path.openTarget();
      client.on("error", () => undefined).resume();
      await expect(
        receiveFile(server, target, { ...receive, idleTimeoutSeconds: 0.1 }),
      ).rejects.toMatchObject({ kind: "timedOut" });
    });

    test("64 at once, each its own bytes", async () => {
      const transfers = Array.from({ length: 64 }, async () => {
        const content = randomBytes(700_000);
        const { client, server } = await path.connect();
        await using target = path.openTarget();
        client.resume().end(content);
        await receiveFile(server, target, receive);
        return digest(target.content()) === digest(content);
      });
      expect(new Set(await Promise.all(transfers))).toEqual(new Set([true]));
    });
  });
}
