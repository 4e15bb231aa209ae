import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { connect as connectTls, TLSSocket } from "node:tls";
import { afterAll, describe, expect, test } from "vitest";
import { DiskPace } from "../../../server/data/disk-pace.ts";
import { receiveFile, RecordStream, TransferError } from "../../../server/data/transfer.ts";
import { openTlsContexts } from "../../../server/tls/contexts.ts";
import { secureServerSocket } from "../../../server/tls/secure-socket.ts";
import { makeTestCertificate } from "../../support/certificate.ts";
import { diskTarget, makeFolder } from "../../support/files.ts";
import { connectPair } from "../../support/loopback.ts";

/** About all borders there are: of a TLS record, of small and large buffers, of what is read at once. */
const SIZES = [
  0, 1, 16_383, 16_384, 16_385, 65_535, 65_537, 131_073, 229_377, 262_143, 262_144, 262_145,
  1_000_000, 3_000_000,
];

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());

const contexts = makeTestCertificate().then(({ pem }) =>
  openTlsContexts({ pem, minVersion: "TLSv1.2", ticketGuard: "keyCallback" }),
);
const never = new AbortController().signal;

/** A disk that is slow and fast by turns, so that writes wait in the midst of what is read. */
function fickleDisk(): DiskPace {
  const pace = new DiskPace();
  Object.defineProperty(pace, "isFast", { get: () => randomInt(3) > 0 });
  return pace;
}

interface Kind {
  readonly version: "TLSv1.2" | "TLSv1.3" | undefined;
  /** TLS above a stream that follows its records, as sessions have it. */
  readonly records: boolean;
}

const KINDS: readonly (readonly [string, Kind])[] = [
  ["plain", { version: undefined, records: false }],
  ["TLS 1.2", { version: "TLSv1.2", records: false }],
  ["TLS 1.3", { version: "TLSv1.3", records: false }],
  ["TLS 1.2 above records", { version: "TLSv1.2", records: true }],
  ["TLS 1.3 above records", { version: "TLSv1.3", records: true }],
];

/** A client that begins with `begin`, which it may do before the handshake has ended. */
async function connect({ version, records }: Kind, begin: (client: Socket) => void) {
  const { client: raw, accepted } = await connectPair();
  const client =
    version === undefined
      ? raw
      : connectTls({ socket: raw, rejectUnauthorized: false, maxVersion: version });
  client.on("error", () => undefined).resume();
  begin(client);
  if (version === undefined) return { client, server: accepted };
  const below = records ? (new RecordStream(accepted) as Duplex as Socket) : accepted;
  const server = await secureServerSocket(below, (await contexts).upload, { signal: never });
  return { client, server };
}

/** Clients: all at once, in pieces with gaps of a turn or of moments, in single records. */
const CLIENTS: readonly ((client: Socket, content: Buffer) => Promise<void>)[] = [
  async (client, content) => {
    client.write(content);
    await end(client);
  },
  async (client, content) => {
    for (let at = 0; at < content.length;) {
      const next = at + randomInt(1, 300_000);
      client.write(content.subarray(at, next));
      at = next;
      await (randomInt(4) > 0 ? nextTurn() : pause(randomInt(4)));
    }
    await end(client);
  },
  async (client, content) => {
    client.cork();
    for (let at = 0; at < content.length; at += 16_384) {
      client.write(content.subarray(at, at + 16_384));
      if (at % 98_304 === 0) {
        client.uncork();
        await nextTurn();
        client.cork();
      }
    }
    await end(client);
  },
];

/** Node's client leaves at once when it ends before its handshake has. */
async function end(client: Socket): Promise<void> {
  if (client instanceof TLSSocket && client.getCipher() === undefined) await once(client, "secure");
  client.end();
}

async function upload(kind: Kind, size: number, which: number, pace: DiskPace): Promise<string> {
  const content = randomBytes(size);
  let sent: Promise<void> | undefined;
  const { server } = await connect(kind, (client) => {
    sent = CLIENTS[which]?.(client, content);
  });
  await using target = diskTarget(folder.path);
  const bytes = await receiveFile(server, target, { signal: never, pace });
  await sent;
  const arrived = target.content();
  if (bytes === size && arrived.equals(content)) return "same";
  return `client ${String(which)}: ${String(bytes)} of ${String(size)}, ${String(arrived.length)} written`;
}

describe.each(KINDS)("uploads, %s", (_name, kind) => {
  test.each([
    ["a fast disk", () => new DiskPace()],
    ["a fickle disk", fickleDisk],
  ])("every byte is written: %s", { timeout: 60_000 }, async (_disk, makePace) => {
    const found: string[] = [];
    for (const size of SIZES) {
      const together = CLIENTS.map((_client, which) => upload(kind, size, which, makePace()));
      found.push(...(await Promise.all(together)));
    }
    expect(found).toEqual(found.map(() => "same"));
  });

  test("every byte is written while the process has other things to do", async () => {
    // Whole turns are taken away, so that much has arrived, the end too, when TLS is read again.
    let idle = false;
    const busy = (async () => {
      for (; !idle; await nextTurn()) {
        for (const until = performance.now() + randomInt(6); performance.now() < until;);
      }
    })();
    const found = await Promise.all(
      [100_000, 500_000, 1_500_000].flatMap((size) =>
        CLIENTS.map((_client, which) => upload(kind, size, which, fickleDisk())),
      ),
    );
    idle = true;
    await busy;
    expect(found).toEqual(found.map(() => "same"));
  });

  test("what was written when an upload is aborted is its beginning", async () => {
    const content = randomBytes(4_000_000);
    for (let round = 0; round < 6; round++) {
      const controller = new AbortController();
      const { client, server } = await connect(kind, (began) => void began.write(content));
      await using target = diskTarget(folder.path);
      let counted = 0;
      const enough = randomInt(2_000_000);
      const receiving = receiveFile(server, target, {
        signal: controller.signal,
        pace: fickleDisk(),
        onBytes: (count) => {
          counted += count;
          if (counted > enough) controller.abort();
        },
      });
      await expect(receiving).rejects.toBeInstanceOf(TransferError);
      client.destroy();
      const kept = target.content();
      expect(kept.length).toBe(counted);
      expect(kept.equals(content.subarray(0, kept.length))).toBe(true);
    }
  });
});
