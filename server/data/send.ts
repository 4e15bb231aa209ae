/** Sending: files and listings. */
import type { Socket } from "node:net";
import type { ReadHandle } from "../storage/storage.ts";
import { toWire } from "./ascii.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { ClientPace } from "./client-pace.ts";
import type { TransferOptions } from "./data-flow.ts";
import { DataSender } from "./data-sender.ts";
import { DiskPace } from "./disk-pace.ts";
import { openSource } from "./file-source.ts";
import { KernelSender } from "./kernel-sender.ts";
import { mayEndPromptly, PROMPT_BYTES, sendPromptly } from "./prompt-end.ts";
import { settlesSoon } from "./settles-soon.ts";
import { CHUNK_BYTES, QUIET_CHUNK_BYTES, transferQuantum } from "./turn-quantum.ts";

export interface SendFileOptions extends TransferOptions {
  /** First byte of the file to send (REST). */
  readonly offset?: number | undefined;
  /** Byte of the file before which to stop (RANG); absent: its end. */
  readonly end?: number | undefined;
  /** Converts line ends to CRLF; the offset counts bytes of the file all the same. */
  readonly ascii?: boolean | undefined;
  /** For tests: whether the disk counts as fast. */
  readonly pace?: DiskPace | undefined;
  /** For tests: whether the client counts as fast. */
  readonly clientPace?: ClientPace | undefined;
}

/** Less than a socket has room for when it says that it takes more. */
const WAITING_BYTES = 16 * 1024;

const kernelPace = new DiskPace();
const buffers = new BufferPool(CHUNK_BYTES);
/** Downloads under TLS use the same memory by turns, so that it stays in the processor's cache. */
const securedBuffers = new BufferPool(QUIET_CHUNK_BYTES);

/**
 * Sends a file and closes the connection in good order. Resolves with the bytes that went over the
 * connection. The handle stays the caller's.
 *
 * @throws TransferError, StorageError
 */
export async function sendFile(
  socket: Socket,
  handle: ReadHandle,
  options: SendFileOptions,
): Promise<number> {
  const { offset = 0, end: last = Infinity } = options;
  const whole = { offset, end: Math.max(offset, last) };
  const prompt =
    options.ascii !== true && mayEndPromptly(socket, options)
      ? sendPromptly(socket, handle, whole, options.pace)
      : undefined;
  if (prompt?.state === "delivered") return conclude(socket, prompt.bytes, options);
  using sender = new DataSender(socket, options);
  const takesLargeChunks = sender.flow.isSecured && options.rateLimiter === undefined;
  // Given back at the end when no write reads it any more: what fails one has destroyed the socket.
  using buffer = (takesLargeChunks ? securedBuffers : buffers).borrow();
  try {
    if (prompt !== undefined) sender.flow.countUnseen(prompt.bytes);
    const source = openSource(handle, options.pace);
    const kernel = openKernelSender(socket, handle, sender, options);
    const converter = options.ascii === true ? toWire() : undefined;
    let position = offset + (prompt?.bytes ?? 0);
    const { end } = whole;
    for (let ended = prompt?.state === "sent"; !ended;) {
      // The first chunk waits for nobody: a small file does not queue behind large ones.
      if (sender.flow.bytes > 0) await transferQuantum.ready(sender.stepsInTurn);
      sender.flow.throwIfFailed();
      const sending = kernel?.inThread(position, end);
      if (sending !== undefined) {
        transferQuantum.spend();
        const bytes = await sender.flow.ours(sending);
        if (bytes > 0) {
          position += bytes;
          sender.flow.countUnseen(bytes);
          continue;
        }
        sender.flow.throwIfFailed();
      }
      const step = kernel?.step(position, end);
      if (step?.kind === "moved") {
        position += step.bytes;
        sender.flow.countUnseen(step.bytes);
        transferQuantum.spend();
        continue;
      }
      // A little, written in the usual way, waits until a full socket takes more.
      const room = step?.kind === "full" ? WAITING_BYTES : sender.chunkBytes;
      const most = options.rateLimiter?.chunkBytes() ?? room;
      const memory = buffer.take();
      const wanted = Math.min(room, most, memory.length, end - position);
      const reading = source(memory.subarray(0, wanted), position);
      if (typeof reading !== "number") transferQuantum.spend();
      const count = typeof reading === "number" ? reading : await sender.flow.ours(reading);
      // A local file gives less than was asked for only at its end.
      ended = count === 0 || (count < wanted && handle.fileDescriptor !== undefined);
      position += count;
      const chunk = memory.subarray(0, count);
      const bytes = converter === undefined ? chunk : converter.convert(chunk);
      await sender.flow.admit(bytes.length);
      const isLast = count > 0 && (ended || position >= Math.min(end, handle.sizeBytes));
      const isDone = sender.isDoneOnceBegun;
      const written = writeInTurn(sender, bytes, isLast);
      if (isDone) buffer.giveBack();
      await written;
    }
    await sender.finish();
    return sender.flow.bytes;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** What the write costs is spent when it has begun; its end may come turns later. */
async function writeInTurn(sender: DataSender, bytes: Uint8Array, isLast = false): Promise<void> {
  const written = sender.write(bytes);
  transferQuantum.spend();
  if (isLast && sender.flow.isSecured) await settlesSoon(written);
  await written;
}

/** Everything has reached the client. */
function conclude(socket: Socket, bytes: number, { onBytes }: TransferOptions): number {
  onBytes?.(bytes);
  socket.destroy();
  return bytes;
}

/** Where the bytes of a local file go out as they are; undefined elsewhere. */
function openKernelSender(
  socket: Socket,
  { fileDescriptor: file, sizeBytes, isInMemory }: ReadHandle,
  { calls, flow }: DataSender,
  { ascii, rateLimiter, pace = kernelPace, clientPace }: SendFileOptions,
): KernelSender | undefined {
  if (calls === undefined || file === undefined) return undefined;
  if (ascii === true || rateLimiter !== undefined || flow.isSecured) return undefined;
  return new KernelSender({ socket, file, sizeBytes, isInMemory, calls, pace, clientPace });
}

/**
 * Sends what `chunks` yields, for instance a listing, and closes the connection in good order.
 * Resolves with the bytes that went over the connection. Errors of `chunks` pass through.
 *
 * @throws TransferError
 */
export async function sendChunks(
  socket: Socket,
  chunks: AsyncIterable<Uint8Array>,
  options: TransferOptions,
): Promise<number> {
  using sender = new DataSender(socket, options);
  try {
    const iterator = chunks[Symbol.asyncIterator]();
    // The only chunk of a short listing goes out together with the end.
    let only: Uint8Array | undefined = mayEndPromptly(socket, options)
      ? new Uint8Array()
      : undefined;
    const write = async (chunk: Uint8Array): Promise<void> => {
      await sender.flow.admit(chunk.length);
      await writeInTurn(sender, chunk);
    };
    try {
      for (;;) {
        if (sender.flow.bytes > 0) await transferQuantum.ready(sender.stepsInTurn);
        sender.flow.throwIfFailed();
        const next = await sender.flow.ours(iterator.next());
        if (next.done === true) break;
        if (only?.length === 0 && next.value.length <= PROMPT_BYTES) {
          // Good only until the next one is asked for.
          only = Buffer.from(next.value);
          continue;
        }
        if (only !== undefined) await write(only);
        only = undefined;
        await write(next.value);
      }
    } finally {
      await iterator.return?.();
    }
    await sender.finish(only);
    return sender.flow.bytes;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
