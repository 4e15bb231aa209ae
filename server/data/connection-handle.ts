/** Node's own handle of a connection, below its socket. No part of Node's documented interface. */
import { Socket, type OnReadOpts, type SocketConstructorOpts } from "node:net";

export interface ConnectionHandle {
  getpeername(into: { address?: string }): number;
  setNoDelay(on: boolean): number;
  close(): void;
}

/** Whether something is the handle of a TCP connection, as this Node has them. */
export function isConnectionHandle(value: unknown): value is ConnectionHandle {
  return typeof value === "object" && value?.constructor.name === "TCP";
}

/**
 * A socket on a handle that no other socket has; its client may end first and still be answered.
 *
 * @param onread where reads land, instead of in new buffers
 */
export function openSocket(handle: ConnectionHandle, onread?: OnReadOpts): Socket {
  // The published options have no `handle`, which is how Node's own servers make their sockets.
  const options = { handle, allowHalfOpen: true, onread };
  return new Socket(options as unknown as SocketConstructorOpts);
}
