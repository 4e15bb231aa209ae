/** Reading into buffers of ours: what the kernel gives lands where it is used, not in a new buffer. */
import { Socket, type OnReadOpts, type SocketConstructorOpts } from "node:net";

/** Node's sockets have these; they are not part of its documented interface. */
interface SocketWithHandle {
  _handle?: { readonly constructor: { readonly name: string } } | null;
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
    handle?.constructor.name !== "TCP" ||
    socket.constructor !== Socket ||
    socket.bytesRead > 0 ||
    socket.readableEnded ||
    socket.destroyed
  ) {
    return undefined;
  }
  const onread: OnReadOpts = reading;
  const options = { handle, allowHalfOpen: true, onread };
  inner._handle = null;
  socket.destroy();
  // The published options have no `handle`, which is how Node's own servers make their sockets.
  return new Socket(options as unknown as SocketConstructorOpts);
}
