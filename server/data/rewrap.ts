/** Reading into buffers of ours: what the kernel gives lands where it is used, not in a new buffer. */
import { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { isConnectionHandle, openSocket } from "./connection-handle.ts";

/** Node's sockets have these; they are not part of its documented interface. */
interface SocketWithHandle {
  _handle?: unknown;
}

/** Where reads land, and who is told of them; returning false pauses. */
export interface Reading {
  readonly buffer: () => Uint8Array;
  readonly callback: (count: number) => boolean;
}

/**
 * Moves a connection from `socket`, which must not have been read, to a new socket that reads as
 * `reading` says. Undefined where that cannot be: a TLS socket, data already read, another Node.
 * `socket` is left without a connection, and closed.
 */
export function rewrap(socket: Socket, reading: Reading): Socket | undefined {
  const inner = socket as unknown as SocketWithHandle;
  const handle = inner._handle;
  if (
    !isConnectionHandle(handle) ||
    socket.constructor !== Socket ||
    socket.bytesRead > 0 ||
    socket.readableEnded ||
    socket.destroyed
  ) {
    return undefined;
  }
  inner._handle = null;
  socket.destroy();
  return openSocket(handle, reading);
}

/** Where a socket of Node keeps what its constructor's option `onread` says. */
const ONREAD_SYMBOLS = ["kBuffer", "kBufferCb", "kBufferGen"] as const;

/**
 * The same for a TLS socket, which has no such option: what is decrypted lands in a buffer of ours.
 * False where this Node is another. What was decrypted before has to be read from it first.
 */
export function redirect(socket: TLSSocket, { buffer, callback }: Reading): boolean {
  const fields = socket as unknown as Record<symbol, unknown>;
  const own = Object.getOwnPropertySymbols(socket);
  const [kBuffer, kCallback, kNext] = ONREAD_SYMBOLS.map((name) =>
    own.find(({ description }) => description === name),
  );
  // Node's sockets keep their handle here; it is not part of their documented interface.
  const { _handle: handle } = socket as unknown as {
    readonly _handle?: { useUserBuffer?: unknown } | null;
  };
  if (kBuffer === undefined || kCallback === undefined || kNext === undefined) return false;
  if (typeof handle?.useUserBuffer !== "function" || socket.destroyed) return false;
  const first = buffer();
  fields[kBuffer] = first;
  fields[kCallback] = callback;
  fields[kNext] = buffer;
  handle.useUserBuffer(first);
  return true;
}
