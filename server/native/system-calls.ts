/**
 * System calls that Node has no function for, through koffi, a foreign-function interface. They save
 * time and tell more; nothing depends on them. Where the library is missing or does not load
 * (another system, another C library), the server runs without it.
 */
import { constants } from "node:os";
import { bindBlockingSend, type StartBlockingSend } from "./blocking-send.ts";
import { bindFolderFacts, type FactsInFolder } from "./folder-facts.ts";
import { loadKoffi, type Koffi, type NativeLibrary } from "./koffi.ts";
import { bindSocketToFile } from "./socket-to-file.ts";

/** A count of bytes, or why there is none. */
export type CallResult =
  | { readonly kind: "moved"; readonly bytes: number }
  /** Nothing can be moved now without waiting. */
  | { readonly kind: "wouldBlock" }
  /** The connection's other end is gone. */
  | { readonly kind: "connectionLost" }
  /** Not possible with these descriptors, or not on this system: another way has to be taken. */
  | { readonly kind: "unsupported" };

export type ReceiveResult =
  | CallResult
  /**
   * The file took `bytes` only. `rest` came behind them, and is to be written in the usual way, which
   * also tells what is wrong.
   */
  | { readonly kind: "refused"; readonly bytes: number; readonly rest: Uint8Array };

/**
 * None of these waits for the network, but `startSending` off this thread; all take descriptors that
 * the caller keeps open.
 */
export interface SystemCalls {
  /**
   * Sends from a file to a socket without copying through this process: sendfile(2). Waits for the
   * disk where the page cache does not hold the bytes; see `isCached`.
   */
  sendFile(socket: number, file: number, position: number, bytes: number): CallResult;
  /** Sends from a file to a socket on another thread, which waits for the network and the disk. */
  readonly startSending: StartBlockingSend;
  /**
   * Moves what has arrived at a socket into a file without copying it through this process: splice(2)
   * to a pipe, and from there. Waits for the disk as write(2) does.
   *
   * @param bytes no more than has arrived; see `arrivedBytes`.
   */
  receiveFile(socket: number, file: number, position: number, bytes: number): ReceiveResult;
  /** Bytes that have arrived at a socket and were not read yet: SIOCINQ. 0 when nobody can tell. */
  arrivedBytes(socket: number): number;
  /**
   * Sends the last bytes of a connection, and the end with them, so that one segment may hold both:
   * send(2), shutdown(2). When fewer than all bytes have moved, the end is still to be sent.
   */
  sendLast(socket: number, bytes: Uint8Array): CallResult;
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
  /**
   * Whether anything that the event loop waits for has happened. True where nobody can tell. What
   * began to be waited for in this turn does not count yet.
   */
  eventsWait(): boolean;
  /**
   * The facts of an entry of a folder, a link's own: statx(2). Waits for the disk. Undefined when nothing
   * is there, or they cannot be had this way.
   *
   * @param folder descriptor
   */
  factsInFolder(folder: number, name: string): FactsInFolder | undefined;
  /** Gives memory that was freed, but lies between what is in use, back to the system: malloc_trim(3). */
  releaseMemory(): void;
  /** Unmaps pages that a file has: MADV_DONTNEED of madvise(2). They come back when they are used. */
  unmapPages(address: bigint, bytes: number): void;
}

const CACHESTAT = 451;
const SIOCINQ = 0x541b;
const SIOCOUTQ = 0x5411;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
const SHUT_WR = 1;
const MADV_DONTNEED = 4;
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

function bindSystemCalls(koffi: Koffi): SystemCalls {
  const libc = koffi.load("libc.so.6");
  const sendfile = libc.func("sendfile64", "int64", ["int", "int", "void *", "size_t"]);
  const send = libc.func("send", "int64", ["int", "void *", "size_t", "int"]);
  const shutdown = libc.func("shutdown", "int", ["int", "int"]);
  const trim = libc.func("malloc_trim", "int", ["size_t"]);
  const madvise = libc.func("madvise", "int", ["uint64", "size_t", "int"]);
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

  const startSending = bindBlockingSend(libc, { sendfile, setsockopt, shutdown });
  const receiveFile = bindSocketToFile(libc, failure);

  return {
    startSending,
    receiveFile,
    arrivedBytes: (socket) => (Number(ioctl(socket, SIOCINQ, queued)) === 0 ? (queued[0] ?? 0) : 0),
    sendFile: (socket, file, from, bytes) => {
      position[0] = BigInt(from);
      const sent = Number(sendfile(socket, file, position, bytes));
      return sent < 0 ? failure() : { kind: "moved", bytes: sent };
    },
    sendLast: (socket, bytes) => {
      const sent =
        bytes.length === 0
          ? 0
          : Number(send(socket, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE));
      if (sent < 0) return failure();
      if (sent === bytes.length && Number(shutdown(socket, SHUT_WR)) !== 0) return failure();
      return { kind: "moved", bytes: sent };
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
    factsInFolder: bindFolderFacts(libc),
    eventsWait: bindEventsWait(koffi, libc),
    releaseMemory: () => void trim(0),
    unmapPages: (address, bytes) => void madvise(address, bytes, MADV_DONTNEED),
  };
}

const POLLIN = 1;

/** The descriptor through which libuv waits for everything can be waited for itself: epoll(7). */
function bindEventsWait(koffi: Koffi, libc: NativeLibrary): () => boolean {
  const descriptor = findLoopDescriptor(koffi);
  if (descriptor === undefined) return () => true;
  const poll = libc.func("poll", "int", ["void *", "unsigned long", "int"]);
  // struct pollfd: a descriptor, and two halves of a word for what is asked and what is so.
  const asked = new Int32Array([descriptor, POLLIN]);
  return () => Number(poll(asked, 1, 0)) !== 0;
}

/** Undefined where this Node keeps its event loop to itself. */
function findLoopDescriptor(koffi: Koffi): number | undefined {
  try {
    const node = koffi.load(null);
    const loop = node.func("uv_default_loop", "void *", [])();
    const descriptor = Number(node.func("uv_backend_fd", "int", ["void *"])(loop));
    return descriptor >= 0 ? descriptor : undefined;
  } catch {
    return undefined;
  }
}
