/**
 * Receiving into a buffer of ours: what the kernel gives, or TLS decrypts, lands where it is written
 * from, instead of in a new buffer for each read.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { BufferPool } from "./buffer-pool.ts";
import { TransferError, type DataFlow } from "./data-flow.ts";
import type { FileSink } from "./file-sink.ts";
import { redirect, rewrap } from "./rewrap.ts";
import { descriptorOf } from "./socket-descriptor.ts";
import { CHUNK_BYTES, transferQuantum } from "./turn-quantum.ts";

const SMALL_BYTES = 64 * 1024;
/** A read gets at least this much room; with less, the buffer is written first. */
const LEAST_ROOM_BYTES = 32 * 1024;
/** A buffer is filled no longer than this, so that a slow upload is on disk soon. */
const LONGEST_FILL_MS = 50;

const smallBuffers = new BufferPool(SMALL_BYTES);
const largeBuffers = new BufferPool(CHUNK_BYTES);

/**
 * A connection that reads into buffers of ours: the same socket under TLS, else another, and then
 * `socket` may be used no more. Undefined where that cannot be.
 */
export function openInPlace(
  socket: Socket,
): { readonly socket: Socket; readonly reader: InPlaceReader } | undefined {
  const reader = new InPlaceReader();
  const reading = {
    buffer: () => reader.room(),
    callback: (count: number) => reader.onRead(count),
  };
  if (socket instanceof TLSSocket) {
    const early = readAll(socket);
    if (redirect(socket, reading)) {
      reader.takeIn(early);
      return { socket, reader };
    }
    for (const chunk of early.toReversed()) socket.unshift(chunk);
  } else {
    const rewrapped = rewrap(socket, reading);
    if (rewrapped !== undefined) return { socket: rewrapped, reader };
  }
  reader[Symbol.dispose]();
  return undefined;
}

/** What came with the end of the handshake. */
function readAll(socket: Socket): readonly Buffer[] {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return chunks;
    chunks.push(chunk);
  }
}

/** Writes everything that arrives at `reader` to `sink`, until the client's end. */
export async function receiveInPlace(
  flow: DataFlow,
  sink: FileSink,
  reader: InPlaceReader,
): Promise<void> {
  const { socket } = flow;
  let ended = socket.readableEnded;
  let wake: (() => void) | undefined;
  socket.once("end", () => {
    ended = true;
    wake?.();
  });
  reader.onDue = () => wake?.();
  reader.onBytes = (count) => flow.count(count);
  let writtenBytes = 0;
  const write = async (): Promise<void> => {
    // A buffer that is not full stays Node's until nothing more comes.
    while (reader.isDue || (ended && reader.hasBytes)) {
      using filled = reader.takeFilled();
      const writing = sink.write([filled.bytes]);
      if (writing !== undefined) await flow.ours(writing);
      writtenBytes += filled.bytes.length;
      transferQuantum.spend();
    }
  };
  const takeArrived = async (): Promise<boolean> => {
    flow.throwIfFailed();
    const descriptor = descriptorOf(socket);
    if (descriptor === undefined || sink.takeArrived === undefined) return false;
    const taking = sink.takeArrived(descriptor);
    const taken = typeof taking === "number" ? taking : await flow.ours(taking);
    if (taken === 0) return false;
    flow.countUnseen(taken);
    writtenBytes += taken;
    transferQuantum.spend();
    return true;
  };
  try {
    flow.count(reader.takenInBytes);
    if (reader.isDue) await write();
    while (!ended) {
      // TLS may have handed out more while this transfer waited for its turn.
      if (!reader.isDue) {
        await flow.until((done) => {
          wake = done;
          socket.resume();
        });
      }
      await write();
      if (ended) break;
      await transferQuantum.ready();
      // Nothing is being read, and the buffer is empty: what has arrived comes next.
      while (!reader.hasBytes && (await takeArrived())) await transferQuantum.ready();
      flow.spendOnReading();
    }
    // TLS hands out what it has although reading has paused, the client's end too.
    await write();
    if (writtenBytes !== flow.bytes) throw new Error("bytes came that were not written");
    reader[Symbol.dispose]();
  } catch (error) {
    // What came before the connection broke is worth keeping: the client may resume. The buffers
    // are not used again: this connection is about to be closed, but is not yet.
    ended = true;
    if (error instanceof TransferError) await write();
    throw error;
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
  /**
   * What is to be written; Node already reads into its successor. More than one only under TLS,
   * which first hands out what it has when it is told to stop.
   */
  readonly #due: Filled[] = [];

  #takenInBytes = 0;

  /** Bytes that were taken in. */
  get takenInBytes(): number {
    return this.#takenInBytes;
  }

  /** A buffer waits that has to be written before more is read. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  /** Takes in what was read before, in another way. */
  takeIn(chunks: readonly Uint8Array[]): void {
    for (const bytes of chunks) {
      this.#takenInBytes += bytes.length;
      this.#due.push({ bytes, [Symbol.dispose]: () => undefined });
    }
  }

  /** Something was read and not yet taken. */
  get hasBytes(): boolean {
    return this.isDue || this.#filled > 0;
  }

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
    this.#due.push(this.#replace(isSlow ? smallBuffers : largeBuffers));
    this.onDue?.();
    return false;
  }

  /** The first of what was read and not yet taken; disposing gives its buffer back. */
  takeFilled(): Filled {
    return this.#due.shift() ?? this.#replace(this.#pool);
  }

  [Symbol.dispose](): void {
    for (const due of this.#due.splice(0)) due[Symbol.dispose]();
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
