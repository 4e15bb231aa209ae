/**
 * A client that has connected, before anything is read from it. One process has a socket of it at
 * once; the process that accepts for others keeps Node's handle, which costs it a tenth of a socket.
 */
import { Socket, type Server } from "node:net";
import {
  isConnectionHandle,
  openSocket,
  type ConnectionHandle,
} from "../data/connection-handle.ts";

export type Arrival = Socket | ConnectionHandle;

interface ListeningHandle {
  readonly constructor: { readonly name: string };
  onconnection?: ((status: number, handle: unknown) => void) | undefined;
}

/**
 * Has a server that listens give out handles instead of sockets, as Node's own cluster does. False
 * where this Node is another: the server goes on giving out sockets then.
 */
export function acceptHandles(
  server: Server,
  onHandle: (handle: ConnectionHandle) => void,
): boolean {
  // Node's servers have this; it is not part of their documented interface.
  const { _handle: listening } = server as unknown as { readonly _handle?: ListeningHandle | null };
  if (listening?.constructor.name !== "TCP" || typeof listening.onconnection !== "function") {
    return false;
  }
  // Accepting fails while descriptors are short; the listener goes on by itself.
  listening.onconnection = (_status, handle) => {
    if (isConnectionHandle(handle)) onHandle(handle);
  };
  return true;
}

/** Whether something that came beside a message is a client. */
export function isArrival(value: unknown): value is Arrival {
  return value instanceof Socket || isConnectionHandle(value);
}

/** The client's address as the system has it; empty when it is gone already. */
export function addressOf(arrival: Arrival): string {
  if (arrival instanceof Socket) return arrival.remoteAddress ?? "";
  const peer: { address?: string } = {};
  return arrival.getpeername(peer) === 0 ? (peer.address ?? "") : "";
}

/** The socket to talk through, as a listener of `createListener` would have made it. */
export function socketOf(arrival: Arrival): Socket {
  if (arrival instanceof Socket) return arrival;
  arrival.setNoDelay(true);
  return openSocket(arrival);
}

/** Breaks the connection off. */
export function closeArrival(arrival: Arrival): void {
  if (arrival instanceof Socket) arrival.destroy();
  else arrival.close();
}
