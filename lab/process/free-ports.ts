/** Ports of this computer for the level `process`, found by binding them. */
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { countPorts, HIGHEST_PORT, type PortRange } from "#contract";

/** The address on which the level `process` serves; no other computer reaches it. */
export const LOOPBACK = "127.0.0.1";

/** Holds ports until it is disposed, so that a set of them is free at the same time. */
export class HeldPorts implements AsyncDisposable {
  readonly #servers: Server[] = [];

  /** Binds a port; false when somebody has it. */
  async take(port: number, host = LOOPBACK): Promise<boolean> {
    const server = createServer();
    server.listen({ host, port, exclusive: true });
    try {
      await once(server, "listening");
    } catch (error) {
      if (error instanceof Error && "code" in error && BUSY.has(String(error.code))) return false;
      throw error;
    }
    this.#servers.push(server);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }
}

const BUSY: ReadonlySet<string> = new Set(["EADDRINUSE", "EACCES"]);

/** The ports that a stack wants, and the lowest port that may stand in for a privileged one. */
export interface WantedPorts {
  readonly controlPort: number;
  readonly implicitTlsPort: number | undefined;
  readonly healthProbePort: number;
  readonly passivePorts: PortRange;
  /** Of bindings. */
  readonly boundPorts: readonly number[];
}

/** Where the search begins for ports that cannot be had as they are. */
const FIRST_STAND_IN = 2100;

/**
 * The wanted ports where they are free, others where not: control ports above 1023 in any case,
 * since the level has no privileges. Range and width are kept where possible, with a free port on
 * either side, because the probe proves that those are closed.
 */
export async function findFreePorts(wanted: WantedPorts): Promise<WantedPorts> {
  await using held = new HeldPorts();
  const single = async (port: number): Promise<number> => {
    for (let next = port > 1023 ? port : FIRST_STAND_IN + port; next <= HIGHEST_PORT; next++) {
      if (await held.take(next)) return next;
    }
    throw new RangeError("No TCP port of this computer is free.");
  };
  const controlPort = await single(wanted.controlPort);
  const implicitTlsPort =
    wanted.implicitTlsPort === undefined ? undefined : await single(wanted.implicitTlsPort);
  const healthProbePort = await single(wanted.healthProbePort);
  const boundPorts: number[] = [];
  for (const port of wanted.boundPorts) boundPorts.push(await single(port));
  const passivePorts = await findRange(wanted.passivePorts, held);
  return { controlPort, implicitTlsPort, healthProbePort, passivePorts, boundPorts };
}

async function findRange(wanted: PortRange, held: HeldPorts): Promise<PortRange> {
  const width = countPorts(wanted);
  const starts = [wanted.first, ...startsOf(width)];
  for (const first of starts) {
    const last = first + width - 1;
    if (last >= HIGHEST_PORT) continue;
    if (await takeAll(held, first - 1, last + 1)) return { first, last };
  }
  throw new RangeError(`No ${String(width)} neighbouring TCP ports of this computer are free.`);
}

/** Below the ephemeral range first, where fewer ports come and go. */
function startsOf(width: number): readonly number[] {
  const step = width + 2;
  const lowest = 20_000;
  return Array.from({ length: 20 }, (_, index) => lowest + index * step);
}

async function takeAll(held: HeldPorts, first: number, last: number): Promise<boolean> {
  for (let port = first; port <= last; port++) {
    if (!(await held.take(port))) return false;
  }
  return true;
}
