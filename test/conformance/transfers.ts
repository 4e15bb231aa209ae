/** What every data path promises, whatever the socket and the storage handle. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { receiveFile, sendChunks, sendFile } from "../../server/data/transfer.ts";
import type { ReadHandle } from "../../server/storage/storage.ts";
import type { InspectableTarget } from "../support/files.ts";

/** One combination of socket and handles. */
export interface DataPath {
  /** A connection: the client's end and the server's. */
  connect(): Promise<{ readonly client: Socket; readonly server: Socket }>;
  openSource(content: Uint8Array): ReadHandle;
  openTarget(before?: Buffer<ArrayBuffer>): InspectableTarget;
  /** The path is for one direction only. */
  readonly direction?: "receiving";
  /** What steers the path. */
  readonly send?: Partial<Parameters<typeof sendFile>[2]>;
  readonly receive?: Partial<Parameters<typeof receiveFile>[2]>;
}

const never = new AbortController().signal;
const SIZES = [0, 1, 4096, 65_536, 262_144, 262_145, 3_000_000];

export function describeTransfers(name: string, path: DataPath): void {
  const send = { signal: never, ...path.send };
  const receive = { signal: never, ...path.receive };

  const describeSending = (suite: () => void): void => {
    // A path for uploads only has nothing to send with: there is no test to skip.
    if (path.direction === undefined) describe(`${name}: sending`, suite);
  };

  describeSending(() => {
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

/** Reads to the end and closes, as clients do. */
async function collect(client: Socket): Promise<Buffer> {
  client.once("end", () => client.end());
  const chunks = (await client.toArray()) as Buffer[];
  return Buffer.concat(chunks);
}

function digest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Ends a connection with RST; of a TLS socket, the connection below. */
function reset(client: Socket): void {
  const below = client as Socket & { readonly _parent?: Socket };
  (below._parent ?? client).resetAndDestroy();
}
