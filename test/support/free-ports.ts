/** Ports for tests: free, and drawn by nobody else. */
import { HeldPorts } from "../../lab/process/free-ports.ts";

/** Below the range that systems take for outgoing connections. */
const LOWEST = 20_000;
const HIGHEST = 32_000;
/** Test files that run at the same time, up to eight, draw from a part each. */
const PLACES = 8;
const WIDTH = (HIGHEST - LOWEST) / PLACES;

const MOST_TRIES = 500;

/** What this test file has drawn: a port that nobody listens on yet is not free for another use. */
const drawn = new Set<number>();

/**
 * Draws contiguous ports that could be bound a moment ago.
 *
 * @throws Error when there are none, or the address is none of this computer's
 */
export async function freePorts(host: string, count: number): Promise<readonly number[]> {
  const place = (Number(process.env["VITEST_POOL_ID"] ?? 1) - 1) % PLACES;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const first = LOWEST + place * WIDTH + Math.floor(Math.random() * (WIDTH - count));
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.some((port) => drawn.has(port))) continue;
    for (const port of ports) drawn.add(port);
    if (await canListen(host, ports)) return ports;
    giveBackPorts(ports);
  }
  throw new Error(`${host} has no ${String(count)} contiguous free ports for this test`);
}

/** They may be drawn again. */
export function giveBackPorts(ports: readonly number[]): void {
  for (const port of ports) drawn.delete(port);
}

async function canListen(host: string, ports: readonly number[]): Promise<boolean> {
  await using held = new HeldPorts();
  for (const port of ports) {
    if (!(await held.take(port, host))) return false;
  }
  return true;
}
