/** How long leases and listeners last, who gets the last port, and connections that are reset. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NoPassivePortError } from "../../../server/data/passive-ports.ts";
import {
  SharedPassivePorts,
  type SharedPassivePortsOptions,
} from "../../../server/data/shared-passive-ports.ts";
import { NULL_LOGGER } from "../../../server/logging/json-logger.ts";
import { freePorts } from "../../support/free-ports.ts";

const PORTS = 4;
const CLIENT = { peerAddress: "127.0.0.1" };
const never = new AbortController().signal;
const opened: AsyncDisposable[] = [];
const clients: Socket[] = [];
let first: number;

beforeEach(async () => {
  [first = 0] = await freePorts("127.0.0.1", PORTS);
});
afterEach(async () => {
  vi.useRealTimers();
  for (const client of clients.splice(0)) client.destroy();
  for (const owned of opened.splice(0)) await owned[Symbol.asyncDispose]();
});

function openPorts(options: Partial<SharedPassivePortsOptions> = {}): SharedPassivePorts {
  const ports = new SharedPassivePorts({
    ranges: [{ first, last: first + PORTS - 1 }],
    addresses: ["127.0.0.1"],
    logger: NULL_LOGGER,
    patienceMilliseconds: 0,
    ...options,
  });
  opened.push(ports);
  return ports;
}

function dial(port: number): Socket {
  const client = connect({ port, host: "127.0.0.1" });
  client.on("error", () => undefined);
  clients.push(client);
  return client;
}

test("a lease that no transfer uses ends, and so does its listener", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  const ports = openPorts({ leaseSeconds: 120, listenerSeconds: 60 });
  const lease = await ports.lease(CLIENT);
  vi.advanceTimersByTime(110_000);
  expect(ports.usage()).toMatchObject({ listening: 1, pending: 1 });
  vi.advanceTimersByTime(20_000);
  expect(ports.usage()).toMatchObject({ listening: 1, pending: 0 });
  await expect(lease.accept(never)).rejects.toThrow();
  vi.advanceTimersByTime(80_000);
  expect(ports.usage()).toMatchObject({ listening: 0, pending: 0 });
  await expect(once(dial(lease.port), "connect")).rejects.toThrow("ECONNREFUSED");
});

test("a lease ends when its request says", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  const ports = openPorts();
  await ports.lease({ ...CLIENT, seconds: 10 });
  await ports.lease({ ...CLIENT, seconds: 100 });
  vi.advanceTimersByTime(20_000);
  expect(ports.usage().pending).toBe(1);
});

test("a lease whose transfer waits does not end before the transfer does", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  const ports = openPorts({ leaseSeconds: 10 });
  const lease = await ports.lease(CLIENT);
  const accepting = lease.accept(never);
  vi.advanceTimersByTime(60_000);
  expect(ports.usage().pending).toBe(1);
  dial(lease.port);
  (await accepting).destroy();
});

test("whoever hoards leases loses the oldest unused one to the next of its address", async () => {
  const ports = openPorts({ safeSeconds: 0 });
  const hoard = [];
  for (let i = 0; i < PORTS; i++) hoard.push(await ports.lease(CLIENT));
  const [oldest, ...others] = hoard;
  const late = await ports.lease(CLIENT);
  expect(late.port).toBe(oldest?.port);
  await expect(oldest?.accept(never)).rejects.toThrow();
  const accepting = late.accept(never);
  dial(late.port);
  (await accepting).destroy();
  // One that a transfer waits for is nobody else's.
  const busy = [await ports.lease(CLIENT), ...others].map((lease) => lease.accept(never));
  await expect(ports.lease(CLIENT)).rejects.toBeInstanceOf(NoPassivePortError);
  busy.forEach((each) => void each.catch(() => undefined));
});

test("a client that finds every port pending waits for the next that comes free", async () => {
  const ports = openPorts({ patienceMilliseconds: 60_000 });
  const leases = [];
  for (let i = 0; i < PORTS; i++) leases.push(await ports.lease(CLIENT));
  const waiting = ports.lease(CLIENT);
  await leases[2]?.[Symbol.asyncDispose]();
  expect((await waiting).port).toBe(leases[2]?.port);
});

test("another address never loses anything to it", async () => {
  const ports = openPorts({ safeSeconds: 0 });
  const theirs = await ports.lease({ peerAddress: "127.0.0.2" });
  for (let i = 0; i < PORTS * 3; i++) await ports.lease(CLIENT);
  expect(ports.usage().pending).toBe(PORTS + 1);
  await theirs[Symbol.asyncDispose]();
  expect(ports.usage().pending).toBe(PORTS);
});

/** Connects and resets while this process is held up, so that it accepts what is reset already. */
function resetUnseen(port: number): void {
  execFileSync(process.execPath, [
    "-e",
    `const s = require("net").connect(${String(port)}, "127.0.0.1", () => s.resetAndDestroy());
     s.on("error", () => undefined);`,
  ]);
}

test("a connection that was reset before it is accepted ends the wait before its time", async () => {
  const ports = openPorts({ ranges: [{ first, last: first }] });
  const lease = await ports.lease(CLIENT);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const rejected = expect(lease.accept(never)).rejects.toThrow("was reset");
  resetUnseen(lease.port);
  while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
  vi.advanceTimersByTime(1000);
  await rejected;
});

test("a stranger's reset takes no lease from its client", async () => {
  const ports = openPorts({ ranges: [{ first, last: first }] });
  const lease = await ports.lease(CLIENT);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const accepting = lease.accept(never);
  resetUnseen(lease.port);
  while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
  vi.advanceTimersByTime(900);
  dial(lease.port);
  (await accepting).destroy();
  expect(vi.getTimerCount()).toBe(0);
});
