/** The last bytes of a download, sent together with its end, within one turn. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { systemCalls } from "../native/system-calls.ts";
import type { ReadHandle } from "../storage/storage.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { TransferOptions } from "./data-flow.ts";
import type { DiskPace } from "./disk-pace.ts";
import { readNow } from "./file-source.ts";
import { descriptorOf } from "./socket-descriptor.ts";

/** What every connection has room for. */
export const PROMPT_BYTES = 16 * 1024;
const buffers = new BufferPool(PROMPT_BYTES);

export interface PromptEnd {
  /** Bytes that were sent. */
  readonly bytes: number;
  /**
   * - `delivered`: the client's system has acknowledged the end.
   * - `sent`: nothing is left to send; whether it arrives is not known yet.
   * - `open`: the rest is to be sent in the usual way, which also tells what is wrong.
   */
  readonly state: "delivered" | "sent" | "open";
}

const OPEN: PromptEnd = { bytes: 0, state: "open" };

/** Ends a connection, one without TLS on which nothing waits to be sent. */
export function endPromptly(socket: Socket, last: Uint8Array): PromptEnd {
  const calls = systemCalls();
  const descriptor = descriptorOf(socket);
  if (calls === undefined || descriptor === undefined) return OPEN;
  if (last.length > PROMPT_BYTES || socket.writableLength > 0) return OPEN;
  const sent = calls.sendLast(descriptor, last);
  if (sent.kind !== "moved") return OPEN;
  const { bytes } = sent;
  if (bytes < last.length) return { bytes, state: "open" };
  const isDelivered = calls.unacknowledgedBytes(descriptor) === 0;
  return { bytes, state: isDelivered ? "delivered" : "sent" };
}

/**
 * Sends the whole of a small local file, as it is, without waiting for anybody.
 *
 * @param end byte of the file before which to stop.
 * @throws StorageError
 */
export function sendPromptly(
  socket: Socket,
  handle: ReadHandle,
  { offset, end }: { readonly offset: number; readonly end: number },
  pace?: DiskPace,
): PromptEnd {
  if (Math.min(end, handle.sizeBytes) - offset >= PROMPT_BYTES) return OPEN;
  const buffer = buffers.take();
  try {
    const wanted = Math.min(buffer.length, end - offset);
    const count = readNow(handle, buffer.subarray(0, wanted), offset, pace);
    // A full buffer: the file has grown, and there may be more.
    if (count === undefined || count === PROMPT_BYTES) return OPEN;
    return endPromptly(socket, buffer.subarray(0, count));
  } finally {
    buffers.give(buffer);
  }
}

/** Whether a transfer may take these ways: nothing slows it down, and nobody tests without them. */
export function mayEndPromptly(
  socket: Socket,
  { rateLimiter, native, signal }: TransferOptions,
): boolean {
  if (socket instanceof TLSSocket) return false;
  return rateLimiter === undefined && native !== false && !signal.aborted;
}
