/**
 * System calls that Node has no function for, through koffi, a foreign-function interface. They save
 * time and tell more; nothing depends on them. The library is one file beside Node's own: where it
 * is missing or does not load (another system, another C library), the server runs without it.
 */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
/** Beside Node's own binary, where a delivery puts it. */
const DELIVERED = "koffi.node";

/** A count of bytes, or why there is none. */
export type CallResult =
  | { readonly kind: "moved"; readonly bytes: number }
  /** Nothing can be moved now without waiting. */
  | { readonly kind: "wouldBlock" }
  /** The connection's other end is gone. */
  | { readonly kind: "connectionLost" }
  /** Not possible with these descriptors, or not on this system: another way has to be taken. */
  | { readonly kind: "unsupported" };

/** None of these waits for the network; all take descriptors that the caller keeps open. */
export interface SystemCalls {
  /**
   * Sends from a file to a socket without copying through this process: sendfile(2). Waits for the
   * disk where the page cache does not hold the bytes; see `isCached`.
   */
  sendFile(socket: number, file: number, position: number, bytes: number): CallResult;
  /**
   * Whether the page cache holds the whole part of a file: cachestat(2), of Linux 6.5. Undefined
   * where nobody can tell.
   */
  isCached(file: number, position: number, bytes: number): boolean | undefined;
  /**
   * Bytes written to a socket that the other end's system has not acknowledged, an unacknowledged
   * FIN counting as one: SIOCOUTQ. Undefined when the descriptor is no connected socket.
   */
  unacknowledgedBytes(socket: number): number | undefined;
  /**
   * Has what arrives acknowledged as soon as it is read, until something is sent again: TCP_QUICKACK
   * of tcp(7).
   */
  acknowledgeReads(socket: number): void;
  /** Gives memory that was freed, but lies between what is in use, back to the system: malloc_trim(3). */
  releaseMemory(): void;
}

/** What is used of koffi. */
interface Koffi {
  load(library: string): {
    func(
      name: string,
      result: string,
      parameters: readonly string[],
    ): (...values: readonly unknown[]) => number | bigint;
  };
  errno(): number;
}

const CACHESTAT = 451;
const SIOCOUTQ = 0x5411;
const IPPROTO_TCP = 6;
const TCP_QUICKACK = 12;

let loaded: SystemCalls | null | undefined;

/** The calls, loaded when first asked for; undefined where they cannot be had. */
export function systemCalls(): SystemCalls | undefined {
  loaded ??= loadSystemCalls() ?? null;
  return loaded ?? undefined;
}

function loadSystemCalls(): SystemCalls | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return bindSystemCalls(loadKoffi());
  } catch {
    // No library, or none for this C library: everything works without, only slower.
    return undefined;
  }
}

function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  // On a machine that was delivered to; else in a checkout.
  const delivered = join(dirname(process.execPath), DELIVERED);
  const { arch } = process;
  const file = existsSync(delivered)
    ? delivered
    : require.resolve(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
  const library: unknown = require(file);
  if (!isKoffi(library)) throw new Error("another koffi than the one that was tested");
  return library;
}

function isKoffi(value: unknown): value is Koffi {
  return (
    typeof value === "object" &&
    value !== null &&
    "load" in value &&
    typeof value.load === "function" &&
    "errno" in value &&
    typeof value.errno === "function"
  );
}

function bindSystemCalls(koffi: Koffi): SystemCalls {
  const libc = koffi.load("libc.so.6");
  const sendfile = libc.func("sendfile64", "int64", ["int", "int", "void *", "size_t"]);
  const trim = libc.func("malloc_trim", "int", ["size_t"]);
  const ioctl = libc.func("ioctl", "int", ["int", "unsigned long", "void *"]);
  const setsockopt = libc.func("setsockopt", "int", ["int", "int", "int", "void *", "uint"]);
  const syscall = libc.func("syscall", "int64", ["int64", "int64", "void *", "void *", "int64"]);
  const pageBytes = Number(libc.func("getpagesize", "int", [])());

  // One of each is enough: no call outlives its turn.
  const position = new BigInt64Array(1);
  const queued = new Int32Array(1);
  const on = new Int32Array([1]);
  const range = new BigUint64Array(2);
  const found = new BigUint64Array(5);
  let canTellCached = true;

  const failure = (): CallResult => {
    const { EAGAIN, EINTR, EPIPE, ECONNRESET, ENOTCONN } = constants.errno;
    switch (koffi.errno()) {
      case EAGAIN:
      case EINTR:
        return { kind: "wouldBlock" };
      case EPIPE:
      case ECONNRESET:
      case ENOTCONN:
        return { kind: "connectionLost" };
      default:
        return { kind: "unsupported" };
    }
  };

  return {
    sendFile: (socket, file, from, bytes) => {
      position[0] = BigInt(from);
      const sent = Number(sendfile(socket, file, position, bytes));
      return sent < 0 ? failure() : { kind: "moved", bytes: sent };
    },
    isCached: (file, from, bytes) => {
      if (!canTellCached) return undefined;
      range[0] = BigInt(from);
      range[1] = BigInt(bytes);
      if (Number(syscall(CACHESTAT, file, range, found, 0)) !== 0) {
        canTellCached = false;
        return undefined;
      }
      const pages = Math.floor((from + bytes - 1) / pageBytes) - Math.floor(from / pageBytes) + 1;
      return Number(found[0]) >= pages;
    },
    unacknowledgedBytes: (socket) => {
      const failed = Number(ioctl(socket, SIOCOUTQ, queued)) !== 0;
      return failed ? undefined : queued[0];
    },
    acknowledgeReads: (socket) =>
      void setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, on, on.byteLength),
    releaseMemory: () => void trim(0),
  };
}
