import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NoPassivePortError } from "../../../server/data/passive-ports.ts";
import {
  SharedPassivePorts,
  type SharedPassivePortsOptions,
} from "../../../server/data/shared-passive-ports.ts";
import type { LogFields, Logger } from "../../../server/logging/logger.ts";
import { freePorts } from "../../support/free-ports.ts";

const PORTS = 3;
const never = new AbortController().signal;
const opened: AsyncDisposable[] = [];
let clients: Socket[] = [];
let first: number;
let events: { event: string; fields: LogFields | undefined }[];

const logger: Logger = {
  log: (_, event, fields) => void events.push({ event, fields }),
  with: () => logger,
};

beforeEach(async () => {
  [first = 0] = await freePorts("127.0.0.1", PORTS);
  events = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  for (const owned of opened.splice(0)) await owned[Symbol.asyncDispose]();
});

function openPorts(options: Partial<SharedPassivePortsOptions> = {}): SharedPassivePorts {
  const ports = new SharedPassivePorts({
    ranges: [{ first, last: first + PORTS - 1 }],
    addresses: ["::"],
    logger,
    patienceMilliseconds: 0,
    ...options,
  });
  opened.push(ports);
  return ports;
}

/** A client that comes from `localAddress`, any address of 127.0.0.0/8. */
function dial(port: number, localAddress = "127.0.0.1", host = "127.0.0.1"): Socket {
  const client = connect({ port, host, localAddress });
  client.on("error", () => undefined);
  clients.push(client);
  return client;
}

/** Resolves when a connection is over, by whatever means. */
function whenClosed(client: Socket): Promise<void> {
  return new Promise((resolve) => client.resume().once("close", () => resolve()));
}

/** Sends text through both ends and returns what arrived, to know which end is whose. */
async function passesThrough(client: Socket, accepted: Socket): Promise<boolean> {
  client.write("hello");
  const [data] = (await once(accepted, "data")) as [Buffer];
  return data.toString() === "hello";
}

test("a lease gives the connection of its peer", async () => {
  await using lease = await openPorts().lease({ peerAddress: "127.0.0.1" });
  expect(lease.port).toBeGreaterThanOrEqual(first);
  expect(lease.port).toBeLessThan(first + PORTS);
  const accepting = lease.accept(never);
  const client = dial(lease.port);
  expect(await passesThrough(client, (await accepting).resume())).toBe(true);
});

test("a connection that comes before accept is held, a second one is reset", async () => {
  await using lease = await openPorts().lease({ peerAddress: "127.0.0.1" });
  const client = dial(lease.port);
  await once(client, "connect");
  const second = dial(lease.port);
  await whenClosed(second);
  const socket = await lease.accept(never);
  expect(socket.remotePort).toBe(client.localPort);
  expect(await passesThrough(client, socket.resume())).toBe(true);
});

test("bytes sent early are all there", async () => {
  await using lease = await openPorts().lease({ peerAddress: "127.0.0.1" });
  const client = dial(lease.port);
  client.end("early");
  await once(client, "finish");
  const socket = await lease.accept(never);
  const chunks = await socket.toArray();
  expect(Buffer.concat(chunks as Buffer[]).toString()).toBe("early");
});

test("a stranger is dropped and the owner is served", async () => {
  await using lease = await openPorts().lease({ peerAddress: "127.0.0.1" });
  const accepting = lease.accept(never);
  const stranger = dial(lease.port, "127.0.0.2");
  await whenClosed(stranger);
  const client = dial(lease.port);
  expect((await accepting).remotePort).toBe(client.localPort);
  expect(events).toContainEqual({
    event: "passiveStranger",
    fields: { port: lease.port, peer: "127.0.0.2", count: 1 },
  });
});

test("a connection to a port without lease is dropped", async () => {
  const ports = openPorts();
  const lease = await ports.lease({ peerAddress: "127.0.0.1" });
  await lease[Symbol.asyncDispose]();
  await whenClosed(dial(lease.port));
});

test("each client address has all ports to itself; they run out and come back", async () => {
  const ports = openPorts();
  const leaseAll = (peerAddress: string) =>
    Promise.all(Array.from({ length: PORTS }, () => ports.lease({ peerAddress })));
  const mine = await leaseAll("127.0.0.1");
  expect(new Set(mine.map(({ port }) => port)).size).toBe(PORTS);
  await expect(ports.lease({ peerAddress: "127.0.0.1" })).rejects.toBeInstanceOf(
    NoPassivePortError,
  );
  const others = await leaseAll("127.0.0.2");
  expect(ports.usage()).toEqual({ ports: PORTS, listening: PORTS, pending: 2 * PORTS });

  const [given] = mine;
  await given?.[Symbol.asyncDispose]();
  const again = await ports.lease({ peerAddress: "127.0.0.1" });
  expect(again.port).toBe(given?.port);

  const client = dial(again.port, "127.0.0.2");
  const owner = others.find(({ port }) => port === again.port);
  expect((await owner?.accept(never))?.remotePort).toBe(client.localPort);
});

test("an accepted connection frees its port for the same client", async () => {
  const ports = openPorts({ ranges: [{ first, last: first }] });
  const sockets: Socket[] = [];
  for (let transfer = 0; transfer < 5; transfer++) {
    const lease = await ports.lease({ peerAddress: "127.0.0.1" });
    dial(lease.port);
    sockets.push(await lease.accept(never));
  }
  expect(new Set(sockets.map(({ remotePort }) => remotePort)).size).toBe(5);
  expect(ports.usage().pending).toBe(0);
  for (const socket of sockets) socket.destroy();
});

test("ports that are listened on already go before others, once there are enough", async () => {
  const count = 100;
  const [from = 0] = await freePorts("127.0.0.1", count);
  const ports = openPorts({ ranges: [{ first: from, last: from + count - 1 }] });
  const used = new Set<number>();
  for (let leased = 0; leased < 2 * count; leased++) {
    const lease = await ports.lease({ peerAddress: "127.0.0.1" });
    used.add(lease.port);
    await lease[Symbol.asyncDispose]();
  }
  expect(used.size).toBe(64);
  expect(ports.usage().listening).toBe(64);
  // A probe from outside looks for the edges of the range.
  expect(used.has(from) && used.has(from + count - 1)).toBe(true);
  // Whoever needs more at once still gets all of them.
  const held = await Promise.all(
    Array.from({ length: count }, () => ports.lease({ peerAddress: "127.0.0.1" })),
  );
  expect(new Set(held.map(({ port }) => port)).size).toBe(count);
  for (const lease of held) await lease[Symbol.asyncDispose]();
});

test("one text stands for one peer, however its address is written", async () => {
  for (const peerAddress of ["::ffff:127.0.0.1", "::ffff:7f00:1", "127.0.0.1"]) {
    await using lease = await openPorts().lease({ peerAddress });
    const client = dial(lease.port);
    const socket = await lease.accept(never);
    expect(socket.remotePort).toBe(client.localPort);
    socket.destroy();
    await opened.pop()?.[Symbol.asyncDispose]();
  }
});

test("IPv6 clients are served by the same listeners", async () => {
  await using lease = await openPorts().lease({ peerAddress: "0:0:0:0:0:0:0:1" });
  const client = dial(lease.port, "::1", "::1");
  expect((await lease.accept(never)).remotePort).toBe(client.localPort);
});

describe("a port that something else holds", () => {
  test("is left out and tried again later", async () => {
    const squatter = createServer().listen(first, "::");
    await once(squatter, "listening");
    const ports = openPorts({ ranges: [{ first, last: first + 1 }], retrySeconds: 0 });
    const lease = await ports.lease({ peerAddress: "127.0.0.1" });
    expect(lease.port).toBe(first + 1);
    await expect(ports.lease({ peerAddress: "127.0.0.1" })).rejects.toBeInstanceOf(
      NoPassivePortError,
    );
    expect(events).toContainEqual({
      event: "passivePortUnavailable",
      fields: expect.objectContaining({ port: first, reason: "EADDRINUSE" }) as unknown,
    });
    squatter.close();
    await once(squatter, "close");
    expect((await ports.lease({ peerAddress: "127.0.0.1" })).port).toBe(first);
  });

  test("is not tried again before its time while there are others", async () => {
    const squatter = createServer().listen(first, "::");
    await once(squatter, "listening");
    const ports = openPorts({ ranges: [{ first, last: first }], retrySeconds: 3600 });
    await expect(ports.lease({ peerAddress: "127.0.0.1" })).rejects.toThrow();
    squatter.close();
    await once(squatter, "close");
    await expect(ports.lease({ peerAddress: "127.0.0.1" })).rejects.toBeInstanceOf(
      NoPassivePortError,
    );
    expect(events.filter(({ event }) => event === "passivePortUnavailable")).toHaveLength(1);
  });
});

describe("ownership", () => {
  test("accept ends with its signal and the port is free again", async () => {
    const ports = openPorts({ ranges: [{ first, last: first }] });
    const controller = new AbortController();
    const lease = await ports.lease({ peerAddress: "127.0.0.1" });
    const accepting = lease.accept(controller.signal);
    controller.abort(new Error("no data connection in time"));
    await expect(accepting).rejects.toThrow("no data connection in time");
    expect(ports.usage().pending).toBe(0);
    await using again = await ports.lease({ peerAddress: "127.0.0.1" });
    expect(again.port).toBe(first);
  });

  test("disposing closes a connection that nobody accepted", async () => {
    const ports = openPorts();
    const lease = await ports.lease({ peerAddress: "127.0.0.1" });
    const client = dial(lease.port);
    await once(client, "connect");
    // A second connection is refused only once the first one is held.
    await whenClosed(dial(lease.port));
    await lease[Symbol.asyncDispose]();
    await whenClosed(client);
    await lease[Symbol.asyncDispose]();
    expect(ports.usage().pending).toBe(0);
  });

  test("closing the ports ends every wait and every listener", async () => {
    const ports = openPorts();
    const lease = await ports.lease({ peerAddress: "127.0.0.1" });
    const accepting = lease.accept(never);
    const rejected = expect(accepting).rejects.toThrow();
    await ports[Symbol.asyncDispose]();
    await rejected;
    await expect(once(dial(lease.port), "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await expect(ports.lease({ peerAddress: "127.0.0.1" })).rejects.toBeInstanceOf(
      NoPassivePortError,
    );
  });
});
