/** Ports for tests: free, and drawn by nobody else. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Below the range that systems take for outgoing connections. */
const LOWEST = 20_000;
const HIGHEST = 32_000;
/** Test files that run at the same time, one in each of vitest's places, draw from a part each. */
const PLACES = 8;
const WIDTH = (HIGHEST - LOWEST) / PLACES;

/** What this test file has drawn: a port that nobody listens on yet is not free for another use. */
const drawn = new Set<number>();

/** Draws contiguous ports that could be bound a moment ago. */
export async function freePorts(host: string, count: number): Promise<readonly number[]> {
  const place = (Number(process.env["VITEST_POOL_ID"] ?? 1) - 1) % PLACES;
  for (;;) {
    const first = LOWEST + place * WIDTH + Math.floor(Math.random() * (WIDTH - count));
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.some((port) => drawn.has(port))) continue;
    if (!(await canListen(host, ports))) continue;
    for (const port of ports) drawn.add(port);
    return ports;
  }
}

/** They may be drawn again. */
export function giveBackPorts(ports: readonly number[]): void {
  for (const port of ports) drawn.delete(port);
}

async function canListen(host: string, ports: readonly number[]): Promise<boolean> {
  const servers: Server[] = [];
  try {
    for (const port of ports) {
      const server = createServer().listen({ host, port });
      servers.push(server);
      await once(server, "listening");
    }
    return true;
  } catch {
    // Somebody has one of them: that is the answer.
    return false;
  } finally {
    const listening = servers.filter((server) => server.listening);
    await Promise.all(
      listening.map((server) => new Promise((resolve) => void server.close(resolve))),
    );
  }
}
