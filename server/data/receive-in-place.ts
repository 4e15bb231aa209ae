/**
 * Receiving from a plain socket into a buffer of ours: what the kernel gives lands where it is
 * written from, instead of in a new buffer for each read.
 */
import type { Socket } from "node:net";
import { BufferPool } from "./buffer-pool.ts";
import { TransferError, type DataFlow } from "./data-flow.ts";
import type { FileSink } from "./file-sink.ts";
import { rewrap } from "./rewrap.ts";
import { CHUNK_BYTES, transferQuantum } from "./turn-quantum.ts";

const SMALL_BYTES = 64 * 1024;
/** A read gets at least this much room; with less, the buffer is written first. */
const LEAST_ROOM_BYTES = 32 * 1024;
/** A buffer is filled no longer than this, so that a slow upload is on disk soon. */
const LONGEST_FILL_MS = 50;

const smallBuffers = new BufferPool(SMALL_BYTES);
const largeBuffers = new BufferPool(CHUNK_BYTES);

/** Moves a connection to a socket that reads into buffers of ours; undefined where it cannot be. */
export function openInPlace(
  socket: Socket,
): { readonly socket: Socket; readonly reader: InPlaceReader } | undefined {
  const reader = new InPlaceReader();
  const rewrapped = rewrap(socket, {
    buffer: () => reader.room(),
    callback: (count) => reader.onRead(count),
  });
  if (rewrapped !== undefined) return { socket: rewrapped, reader };
  reader[Symbol.dispose]();
  return undefined;
}

/** Writes everything that arrives at `reader` to `sink`, until the client's end. */
export async function receiveInPlace(
  flow: DataFlow,
  sink: FileSink,
  reader: InPlaceReader,
): Promise<void> {
  const { socket } = flow;
  let ended = false;
  let wake: (() => void) | undefined;
  socket.once("end", () => {
    ended = true;
    wake?.();
  });
  reader.onDue = () => wake?.();
  reader.onBytes = (count) => flow.count(count);
  const write = async (): Promise<void> => {
    using filled = reader.takeFilled();
    if (filled.bytes.length === 0) return;
    const writing = sink([filled.bytes]);
    if (writing !== undefined) await flow.ours(writing);
    transferQuantum.spend();
  };
  try {
    while (!ended) {
      await flow.until((done) => {
        wake = done;
        socket.resume();
      });
      await write();
      if (!ended) await transferQuantum.ready();
    }
  } catch (error) {
    // What came before the connection broke is worth keeping: the client may resume.
    if (error instanceof TransferError) await write();
    throw error;
  } finally {
    reader[Symbol.dispose]();
  }
}

/** Gives Node its buffer for each read, and says when it is time to write what was read. */
class InPlaceReader implements Disposable {
  /** Called when the buffer is to be taken; reading has paused then. */
  onDue: (() => void) | undefined;
  /** Called with what each read brought. */
  onBytes: ((count: number) => void) | undefined;
  #pool = smallBuffers;
  #buffer = smallBuffers.take();
  #filled = 0;
  #sinceMs = 0;
  /** What is to be written; Node already reads into its successor. */
  #due: Filled | undefined;

  room(): Uint8Array {
    return this.#buffer.subarray(this.#filled);
  }

  onRead(count: number): boolean {
    const nowMs = performance.now();
    if (this.#filled === 0) this.#sinceMs = nowMs;
    this.#filled += count;
    this.onBytes?.(count);
    const isSlow = nowMs - this.#sinceMs > LONGEST_FILL_MS;
    if (this.#buffer.length - this.#filled >= LEAST_ROOM_BYTES && !isSlow) return true;
    this.#due = this.#replace(isSlow ? smallBuffers : largeBuffers);
    this.onDue?.();
    return false;
  }

  /** What was read and not yet taken; disposing gives its buffer back. */
  takeFilled(): Filled {
    const due = this.#due ?? this.#replace(this.#pool);
    this.#due = undefined;
    return due;
  }

  [Symbol.dispose](): void {
    this.takeFilled()[Symbol.dispose]();
    this.#pool.give(this.#buffer);
  }

  #replace(next: BufferPool): Filled {
    const [pool, buffer, filled] = [this.#pool, this.#buffer, this.#filled];
    this.#pool = next;
    this.#buffer = next.take();
    this.#filled = 0;
    return {
      bytes: buffer.subarray(0, filled),
      [Symbol.dispose]: () => pool.give(buffer),
    };
  }
}

interface Filled extends Disposable {
  readonly bytes: Uint8Array;
}
