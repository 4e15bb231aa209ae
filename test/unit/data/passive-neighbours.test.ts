/** Two generations of the server on one passive range: who listens where, and who waits. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Neighbour, type NeighbourState } from "../../../server/data/neighbour.ts";
import { NoPassivePortError, type PassiveLease } from "../../../server/data/passive-ports.ts";
import {
  SharedPassivePorts,
  type SharedPassivePortsOptions,
} from "../../../server/data/shared-passive-ports.ts";
import { NULL_LOGGER } from "../../../server/logging/json-logger.ts";
import { freePorts } from "../../support/free-ports.ts";

const HOST = "127.0.0.1";
const PORTS = 4;
const CLIENT = { peerAddress: HOST };
const never = new AbortController().signal;
const opened: AsyncDisposable[] = [];
const clients: Socket[] = [];
let first: number;

beforeEach(async () => {
  [first = 0] = await freePorts("127.0.0.1", PORTS);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const owned of opened.splice(0)) await owned[Symbol.asyncDispose]();
});

interface Generation {
  readonly ports: SharedPassivePorts;
  readonly neighbour: Neighbour;
}

/** Half `a` is the lower one. */
function open(
  name: "a" | "b",
  state: NeighbourState,
  options: Partial<SharedPassivePortsOptions> = {},
): Generation {
  const middle = first + PORTS / 2;
  const lower = { first, last: middle - 1 };
  const upper = { first: middle, last: first + PORTS - 1 };
  const neighbour = new Neighbour(state);
  const ports = new SharedPassivePorts({
    ranges: [name === "a" ? lower : upper],
    borrowed: [name === "a" ? upper : lower],
    neighbour,
    addresses: [HOST],
    logger: NULL_LOGGER,
    patienceMilliseconds: 0,
    ...options,
  });
  opened.push(ports);
  return { ports, neighbour };
}

function dial(port: number): Socket {
  const client = connect({ port, host: HOST });
  client.on("error", () => undefined);
  clients.push(client);
  return client;
}

/** Leases until an own port comes, and keeps nothing. */
async function drawn({ ports }: Generation, draws = 40): Promise<ReadonlySet<number>> {
  const seen = new Set<number>();
  for (let draw = 0; draw < draws; draw++) {
    await using lease = await ports.lease(CLIENT);
    seen.add(lease.port - first);
  }
  return seen;
}

const sorted = (ports: Iterable<number>): number[] => [...ports].toSorted((x, y) => x - y);

/** Whether nobody listens there, as the kernel says. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ port, host: HOST, exclusive: true });
  try {
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return true;
  } catch {
    return false;
  }
}

test("one that is alone takes its turns through the whole range", async () => {
  const a = open("a", "absent");
  expect(sorted(await drawn(a))).toEqual([0, 1, 2, 3]);
  expect(a.ports.usage()).toMatchObject({ ports: 4, listening: 4 });
});

test("a successor finds its half free as soon as it is known, and keeps to it", async () => {
  const a = open("a", "absent");
  await drawn(a);
  await a.neighbour.change("successor");
  expect(a.ports.usage()).toMatchObject({ ports: 2, listening: 2 });
  expect([await isFree(first + 2), await isFree(first + 3)]).toEqual([true, true]);
  const b = open("b", "predecessor");
  expect(sorted(await drawn(b))).toEqual([2, 3]);
  expect(sorted(await drawn(a))).toEqual([0, 1]);
  // It is gone again, failed perhaps.
  await b.ports[Symbol.asyncDispose]();
  await a.neighbour.change("absent");
  expect(sorted(await drawn(a))).toEqual([0, 1, 2, 3]);
});

test("a lease of the other half outlives the arrival; its port is free once its client came", async () => {
  const a = open("a", "absent");
  const leases: PassiveLease[] = [];
  for (let i = 0; i < PORTS; i++) leases.push(await a.ports.lease(CLIENT));
  await a.neighbour.change("successor");
  expect(await isFree(first + 2)).toBe(false);
  const lease = leases.find(({ port }) => port === first + 2);
  if (lease === undefined) throw new Error("not leased");
  await once(dial(first + 2), "connect");
  await expect.poll(() => isFree(first + 2)).toBe(true);
  (await lease.accept(never)).destroy();
  // No more of the other half, however exhausted the own one is.
  await expect(a.ports.lease(CLIENT)).rejects.toBeInstanceOf(NoPassivePortError);
});

test("a client waits until the predecessor lets go, and no longer than is bearable", async () => {
  const a = open("a", "absent");
  const held: PassiveLease[] = [];
  for (let i = 0; i < PORTS; i++) held.push(await a.ports.lease(CLIENT));
  await a.neighbour.change("successor");
  const impatient = open("b", "predecessor", { patienceMilliseconds: 150 });
  await expect(impatient.ports.lease(CLIENT)).rejects.toBeInstanceOf(NoPassivePortError);
  const b = open("b", "predecessor", { patienceMilliseconds: 20_000 });
  const waiting = b.ports.lease(CLIENT);
  await held.find(({ port }) => port === first + 3)?.[Symbol.asyncDispose]();
  expect((await waiting).port).toBe(first + 3);
});

test("a successor skips what is taken and borrows what is free", async () => {
  const a = open("a", "absent");
  // Of the halves, the predecessor holds one port each.
  const all: PassiveLease[] = [];
  for (let i = 0; i < PORTS; i++) all.push(await a.ports.lease(CLIENT));
  await a.neighbour.change("successor");
  await all.find(({ port }) => port === first + 2)?.[Symbol.asyncDispose]();
  const b = open("b", "predecessor", { patienceMilliseconds: 0 });
  const own = await b.ports.lease(CLIENT);
  expect(own.port).toBe(first + 2);
  await expect(b.ports.lease(CLIENT)).rejects.toBeInstanceOf(NoPassivePortError);
  await a.ports[Symbol.asyncDispose]();
  // A death needs no word: the kernel frees the ports.
  const more = open("b", "predecessor", { retrySeconds: 0 });
  await own[Symbol.asyncDispose]();
  await b.ports[Symbol.asyncDispose]();
  const leases: PassiveLease[] = [];
  for (let i = 0; i < PORTS; i++) leases.push(await more.ports.lease(CLIENT));
  const [one, two] = leases;
  expect(sorted([one?.port ?? 0, two?.port ?? 0])).toEqual([first + 2, first + 3]);
  // What is borrowed goes back with the lease, not with the listener's time.
  for (const lease of leases) await lease[Symbol.asyncDispose]();
  expect([await isFree(first), await isFree(first + 1)]).toEqual([true, true]);
  expect(more.ports.usage().listening).toBe(2);
});

test("one that leaves gives up the other half, whether or not a successor shows", async () => {
  const a = open("a", "absent");
  await drawn(a);
  a.ports.withdraw();
  expect(a.ports.usage()).toMatchObject({ ports: 2, listening: 2 });
  expect(sorted(await drawn(a))).toEqual([0, 1]);
});

test("who is left alone opens the edges that were the other one's, however many are open", async () => {
  const count = 140;
  const from = 50_000;
  const middle = from + count / 2;
  const neighbour = new Neighbour("predecessor");
  const ports = new SharedPassivePorts({
    ranges: [{ first: middle, last: from + count - 1 }],
    borrowed: [{ first: from, last: middle - 1 }],
    neighbour,
    // Who listens on no address needs no ports.
    addresses: [],
    logger: NULL_LOGGER,
  });
  opened.push(ports);
  const lease = async (): Promise<number> => {
    await using leased = await ports.lease(CLIENT);
    return leased.port;
  };
  for (let leased = 0; leased < count; leased++) await lease();
  expect(ports.usage().listening).toBeGreaterThan(64);
  await neighbour.change("absent");
  const used = new Set<number>();
  for (let leased = 0; leased < 10; leased++) used.add(await lease());
  expect(used.has(from) && used.has(middle - 1)).toBe(true);
});
