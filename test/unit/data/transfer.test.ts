import { randomBytes } from "node:crypto";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { connect as connectTls } from "node:tls";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { receiveFile, RecordStream } from "../../../server/data/transfer.ts";
import {
  openTlsContexts,
  type TlsChannel,
  type TlsContexts,
} from "../../../server/tls/contexts.ts";
import { secureServerSocket } from "../../../server/tls/secure-socket.ts";
import { describeTransfers } from "../../conformance/transfers.ts";
import { makeTestCertificate } from "../../support/certificate.ts";
import {
  diskSource,
  diskTarget,
  makeFolder,
  memorySource,
  memoryTarget,
  slowPace,
} from "../../support/files.ts";
import { connectPair, connectSecurely } from "../../support/loopback.ts";

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const onDisk = {
  openSource: (content: Uint8Array) => diskSource(folder.path, content),
  openTarget: (before?: Buffer<ArrayBuffer>) => diskTarget(folder.path, before),
};
const anywhere = {
  openSource: memorySource,
  openTarget: (before?: Buffer<ArrayBuffer>) => {
    const target = memoryTarget();
    if (before !== undefined) void target.write(before);
    return target;
  },
};

async function plain(): Promise<{ client: Socket; server: Socket }> {
  const { client, accepted } = await connectPair();
  sockets.push(client, accepted);
  return { client, server: accepted };
}

const certificate = makeTestCertificate();
const openContexts = async (ticketGuard: "keyCallback" | "heldOutput"): Promise<TlsContexts> =>
  openTlsContexts({ pem: (await certificate).pem, minVersion: "TLSv1.2", ticketGuard });
const guarded = openContexts("keyCallback");
const held = openContexts("heldOutput");

function tls(channel: Promise<TlsChannel>, maxVersion: "TLSv1.2" | "TLSv1.3") {
  return async (): Promise<{ client: Socket; server: Socket }> => {
    const { client, server } = await connectSecurely(await channel, maxVersion);
    sockets.push(client, server);
    return { client, server };
  };
}

/** As uploads are secured: TLS above a stream that knows where its records end. */
async function recorded(): Promise<{ client: Socket; server: Socket; records: RecordStream }> {
  const { client: raw, accepted } = await connectPair();
  const client = connectTls({ socket: raw, rejectUnauthorized: false });
  client.on("error", () => undefined);
  const records = new RecordStream(accepted);
  const below = records as Duplex as Socket;
  const server = await secureServerSocket(below, await upload, {
    signal: new AbortController().signal,
  });
  sockets.push(client, server);
  return { client, server, records };
}

const upload = guarded.then((contexts) => contexts.upload);
const download = guarded.then((contexts) => contexts.download);

describeTransfers("plain, disk", { connect: plain, ...onDisk });
describeTransfers("plain, slow disk", {
  connect: plain,
  ...onDisk,
  send: { pace: slowPace() },
  receive: { pace: slowPace() },
});
describeTransfers("plain, disk, chunks", {
  connect: plain,
  ...onDisk,
  receive: { inPlace: false },
});
describeTransfers("plain, disk, without native code", {
  connect: plain,
  ...onDisk,
  send: { native: false },
  receive: { native: false },
});
describeTransfers("plain, any storage", { connect: plain, ...anywhere });
describeTransfers("TLS 1.3, disk", { connect: tls(upload, "TLSv1.3"), ...onDisk });
describeTransfers("TLS 1.3 download channel, any storage", {
  connect: tls(download, "TLSv1.3"),
  ...anywhere,
});
describeTransfers("TLS 1.2, slow disk", {
  connect: tls(upload, "TLSv1.2"),
  ...onDisk,
  send: { pace: slowPace() },
  receive: { pace: slowPace() },
});
describeTransfers("TLS 1.3 above records, disk", {
  connect: recorded,
  direction: "receiving",
  ...onDisk,
});
describeTransfers("TLS 1.3 above records, disk, chunks", {
  connect: recorded,
  direction: "receiving",
  ...onDisk,
  receive: { inPlace: false },
});
describeTransfers("TLS 1.3 above records, any storage", {
  connect: recorded,
  direction: "receiving",
  ...anywhere,
});
describeTransfers("TLS 1.3 with held output, disk", {
  connect: tls(
    held.then((contexts) => contexts.upload),
    "TLSv1.3",
  ),
  direction: "receiving",
  ...onDisk,
});

describe("an upload that ends without close_notify", () => {
  const content = randomBytes(300_000);

  /** The connection below a client's TLS. */
  const below = (client: Socket): Socket =>
    (client as Socket & { readonly _parent: Socket })._parent;

  test("is whole when the last record is", async () => {
    const { client, server, records } = await recorded();
    await using target = diskTarget(folder.path);
    const receiving = receiveFile(server, target, {
      signal: new AbortController().signal,
      isWhole: () => records.isWhole,
    });
    client.write(content, () => below(client).end());
    expect(await receiving).toBe(content.length);
    expect(target.content().equals(content)).toBe(true);
  });

  test.each([1, 3, 5, 20, 10_000])("is cut when %i bytes of a record came", async (bytes) => {
    const { client, server, records } = await recorded();
    await using target = diskTarget(folder.path);
    const receiving = receiveFile(server, target, {
      signal: new AbortController().signal,
      isWhole: () => records.isWhole,
    });
    client.write(content, () => {
      // The beginning of a record of 16 KiB of application data.
      const record = Buffer.concat([Buffer.from([23, 3, 3, 0x40, 0x11]), randomBytes(0x4011)]);
      below(client).end(record.subarray(0, bytes));
    });
    await expect(receiving).rejects.toMatchObject({ kind: "connectionLost" });
    expect(target.content().equals(content)).toBe(true);
  });
});
