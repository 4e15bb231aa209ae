/** What the system knows of a connection. */
import { promises } from "node:fs";
import type { Socket } from "node:net";

/** Node's sockets have this; it is not part of their documented interface. */
interface SocketWithHandle {
  readonly _handle?: {
    readonly fd?: unknown;
    readonly readStart?: unknown;
    readonly readStop?: unknown;
  } | null;
}

/**
 * The descriptor of a connection, of TLS that of the connection below; undefined when it is closed
 * or this Node keeps it to itself. Good for this turn only: a closed descriptor's number is soon
 * somebody else's.
 */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as SocketWithHandle;
  const descriptor = handle?.fd;
  return typeof descriptor === "number" && descriptor >= 0 ? descriptor : undefined;
}

/**
 * Has nothing read from a connection, whatever its stream wants, until the function is called that
 * this returns. Undefined where it is closed or this Node does not let us.
 */
export function holdReading(socket: Socket): (() => void) | undefined {
  const connection = socket as unknown as SocketWithHandle;
  const handle = connection._handle;
  if (typeof handle?.readStop !== "function" || typeof handle.readStart !== "function") {
    return undefined;
  }
  // Behind the end there is nothing to read, now or later.
  if (socket.readableEnded) return () => undefined;
  const { readStart } = handle;
  handle.readStop();
  return () => {
    if (connection._handle === handle) readStart.call(handle);
  };
}

/**
 * Bytes that were written to a connection and that the other end's system has not acknowledged, a
 * FIN counting as one; from the kernel's tables of all connections, which is slow, but needs no
 * native code. Undefined when nobody can tell.
 */
export async function lookUpUnacknowledgedBytes(socket: Socket): Promise<number | undefined> {
  const { localPort, remotePort } = socket;
  if (process.platform !== "linux" || localPort === undefined || remotePort === undefined) {
    return undefined;
  }
  const [table4, table6] = await Promise.all(["tcp", "tcp6"].map(readTable));
  const left = [table4 ?? "", table6 ?? ""].flatMap((table) =>
    queuesBetween(table, localPort, remotePort),
  );
  return left.length === 0 ? undefined : Math.max(...left);
}

async function readTable(name: string): Promise<string> {
  try {
    return await promises.readFile(`/proc/self/net/${name}`, "latin1");
  } catch {
    // Without /proc, or without IPv6, there is no such table: nothing is known then.
    return "";
  }
}

/** Lengths of the send queues of all connections between two ports, whatever their addresses. */
function queuesBetween(table: string, localPort: number, remotePort: number): number[] {
  const [local, remote] = [localPort, remotePort].map((port) =>
    port.toString(16).toUpperCase().padStart(4, "0"),
  );
  const line = new RegExp(
    `:${local ?? ""} [0-9A-F]+:${remote ?? ""} [0-9A-F]{2} ([0-9A-F]+):`,
    "gu",
  );
  return Array.from(table.matchAll(line), ([, queue = ""]) => Number.parseInt(queue, 16));
}
