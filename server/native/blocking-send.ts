/** sendfile(2) on a thread of libuv's pool, where it may wait for the network and for the disk. */
import { constants } from "node:fs";
import type { NativeFunction, NativeLibrary } from "./koffi.ts";

/** A call that is under way. */
export interface BlockingSend {
  /** Bytes that have moved: fewer than asked for at the file's end, and when something went wrong. */
  readonly done: Promise<number>;
  /** Has the call come back as soon as the socket is full, instead of waiting for the client. */
  finishSoon(): void;
  /** Ends the connection, and with it the call. */
  abort(): void;
}

/**
 * @param position first byte of the file
 * @param bytes how many at most
 */
export type StartBlockingSend = (
  socket: number,
  file: number,
  position: number,
  bytes: number,
) => BlockingSend | undefined;

const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const SHUT_RDWR = 2;
/** The call comes back when the client takes nothing for so long; one that takes a little does not end it. */
const PATIENCE_MICROSECONDS = 10_000n;

/**
 * The socket must be used for nothing else until `done`: it blocks meanwhile. Closing it is fine; the
 * call has a descriptor of its own, because the number of a closed one is soon somebody else's.
 */
export function bindBlockingSend(
  libc: NativeLibrary,
  {
    sendfile,
    setsockopt,
    shutdown,
  }: Readonly<Record<"sendfile" | "setsockopt" | "shutdown", NativeFunction>>,
): StartBlockingSend {
  const fcntl = libc.func("fcntl", "int", ["int", "int", "int"]);
  const close = libc.func("close", "int", ["int"]);
  // struct timeval: seconds, microseconds.
  const patience = new BigInt64Array([0n, PATIENCE_MICROSECONDS]);

  // Nothing else keeps what the library was given until the call has ended.
  const inUse = new Set<BigInt64Array>();

  return (socket, file, position, bytes) => {
    const own = Number(fcntl(socket, F_DUPFD_CLOEXEC, 0));
    if (own < 0) return undefined;
    const flags = Number(fcntl(own, F_GETFL, 0));
    void setsockopt(own, SOL_SOCKET, SO_SNDTIMEO, patience, patience.byteLength);
    void fcntl(own, F_SETFL, flags & ~constants.O_NONBLOCK);
    // Memory of its own, which the thread writes to: not within V8's heap, where it could be moved.
    const from = new BigInt64Array(new ArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
    from[0] = BigInt(position);
    inUse.add(from);
    const { promise: done, resolve } = Promise.withResolvers<number>();
    let isDone = false;
    const end = (sent: number): void => {
      isDone = true;
      inUse.delete(from);
      void fcntl(own, F_SETFL, flags);
      void close(own);
      resolve(Math.max(0, sent));
    };
    try {
      sendfile.async(own, file, from, bytes, (error: unknown, sent: number | bigint) =>
        end(error instanceof Error ? 0 : Number(sent)),
      );
    } catch {
      // The library takes no more calls: it goes on without threads.
      end(0);
    }
    return {
      done,
      // Looked at for each of the call's own steps: splice(2) of the file to the socket.
      finishSoon: () => {
        if (!isDone) void fcntl(own, F_SETFL, flags | constants.O_NONBLOCK);
      },
      abort: () => {
        if (!isDone) void shutdown(own, SHUT_RDWR);
      },
    };
  };
}
