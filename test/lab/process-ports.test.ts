import { createServer } from "node:net";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { countPorts, LOWEST_UNPRIVILEGED_PORT, rangesOverlap, singlePort } from "#contract";
import { findFreePorts, LOOPBACK } from "../../lab/process/free-ports.ts";

const WANTED = {
  controlPort: 21,
  implicitTlsPort: 990,
  healthProbePort: 8021,
  passivePorts: { first: 50_000, last: 50_009 },
  boundPorts: [992, 2121],
};

async function occupy(port: number) {
  const server = createServer().listen({ host: LOOPBACK, port });
  await once(server, "listening");
  return { [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())) };
}

describe("ports of the level process", () => {
  it("need no privileges, keep the width of the range and do not collide", async () => {
    const found = await findFreePorts(WANTED);
    const { controlPort, implicitTlsPort = 0, healthProbePort, boundPorts } = found;
    const single = [controlPort, implicitTlsPort, healthProbePort, ...boundPorts];
    expect(single.every((port) => port >= LOWEST_UNPRIVILEGED_PORT)).toBe(true);
    expect(new Set(single).size).toBe(5);
    expect(countPorts(found.passivePorts)).toBe(10);
    expect(single.some((port) => rangesOverlap(singlePort(port), found.passivePorts))).toBe(false);
  });

  it("stay off ports that are taken, and off ranges whose neighbours are", async () => {
    const free = await findFreePorts(WANTED);
    await using _control = await occupy(free.controlPort);
    await using _neighbour = await occupy(free.passivePorts.last + 1);
    const found = await findFreePorts(WANTED);
    expect(found.controlPort).not.toBe(free.controlPort);
    expect(found.passivePorts).not.toEqual(free.passivePorts);
  });

  it("are free again afterwards", async () => {
    const found = await findFreePorts(WANTED);
    await using _control = await occupy(found.controlPort);
    await using _passive = await occupy(found.passivePorts.first);
  });

  it("leave implicit TLS off where it is off", async () => {
    const found = await findFreePorts({ ...WANTED, implicitTlsPort: undefined });
    expect(found.implicitTlsPort).toBeUndefined();
  });
});
