/** From a socket into a file within the kernel. */
import { readSync } from "node:fs";
import type { NativeLibrary } from "./koffi.ts";
import type { CallResult, ReceiveResult } from "./system-calls.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;

/** What the pipe may hold; less where the system allows no more to this user. */
const PIPE_BYTES = [1024 * 1024, 512 * 1024, 256 * 1024, 128 * 1024] as const;

/** Both ends of the pipe. */
interface Pipe {
  readonly from: number;
  readonly into: number;
}

/**
 * Binds `SystemCalls.receiveFile`. One pipe serves all transfers, since it is empty again when a call
 * returns.
 *
 * @param failure what the last call's error means for the socket
 */
export function bindSocketToFile(
  libc: NativeLibrary,
  failure: () => CallResult,
): (socket: number, file: number, position: number, bytes: number) => ReceiveResult {
  const splice = libc.func("splice", "int64", [
    "int",
    "void *",
    "int",
    "void *",
    "size_t",
    "unsigned int",
  ]);
  const pipe2 = libc.func("pipe2", "int", ["void *", "int"]);
  const fcntl = libc.func("fcntl", "int", ["int", "int", "int"]);
  const offset = new BigInt64Array(1);
  let pipe: Pipe | undefined;

  function openPipe(): Pipe | undefined {
    const ends = new Int32Array(2);
    if (Number(pipe2(ends, O_NONBLOCK | O_CLOEXEC)) !== 0) return undefined;
    const [from = -1, into = -1] = ends;
    for (const bytes of PIPE_BYTES) if (Number(fcntl(into, F_SETPIPE_SZ, bytes)) > 0) break;
    return { from, into };
  }

  /** Takes out what the file did not take. */
  function empty({ from }: Pipe, bytes: number): Uint8Array {
    const rest = Buffer.allocUnsafe(bytes);
    try {
      for (let read = 0; read < bytes;) read += readSync(from, rest, read, bytes - read, null);
    } catch (error) {
      // What is left in it must never reach another file.
      pipe = undefined;
      throw error;
    }
    return rest;
  }

  return (socket, file, position, bytes) => {
    pipe ??= openPipe();
    if (pipe === undefined) return { kind: "unsupported" };
    const flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    const taken = Number(splice(socket, null, pipe.into, null, bytes, flags));
    if (taken < 0) return failure();
    for (let moved = 0; moved < taken;) {
      offset[0] = BigInt(position + moved);
      const written = Number(splice(pipe.from, null, file, offset, taken - moved, SPLICE_F_MOVE));
      if (written <= 0) return { kind: "refused", bytes: moved, rest: empty(pipe, taken - moved) };
      moved += written;
    }
    return { kind: "moved", bytes: taken };
  };
}
