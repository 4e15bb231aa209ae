/** Receiving in the chunks that a stream emits: TLS, type A, limited rates, any storage. */
import { fromWire } from "./ascii.ts";
import { TransferError, type DataFlow } from "./data-flow.ts";
import type { FileSink } from "./file-sink.ts";
import type { ReceiveFileOptions } from "./receive.ts";
import { CHUNK_BYTES, transferQuantum } from "./turn-quantum.ts";

/** Chunks are gathered no longer than this, so that slow uploads do not each hold a buffer full. */
const LONGEST_GATHER_MS = 50;

/** Writes everything that the flow's socket emits to `sink`, until the client's end. */
export async function receiveChunks(
  flow: DataFlow,
  sink: FileSink,
  options: ReceiveFileOptions,
): Promise<void> {
  const { socket } = flow;
  const converter = options.ascii === true ? fromWire() : undefined;
  const gathered = new Gathered(
    Math.min(CHUNK_BYTES, options.rateLimiter?.chunkBytes() ?? CHUNK_BYTES),
  );
  let ended = socket.readableEnded;
  let wake: (() => void) | undefined;
  const onData = (chunk: Buffer): void => {
    gathered.add(chunk);
    if (gathered.isDue) {
      socket.pause();
      wake?.();
    }
  };
  const onEnd = (): void => {
    ended = true;
    wake?.();
  };
  const flush = async (): Promise<void> => {
    const { chunks, bytes } = gathered.take();
    if (bytes === 0) return;
    await flow.admit(bytes);
    flow.count(bytes);
    await write(chunks);
    transferQuantum.spend();
  };
  const write = async (chunks: readonly Uint8Array[]): Promise<void> => {
    const converted =
      converter === undefined ? chunks : chunks.map((chunk) => converter.convert(chunk));
    const writing = sink.write(converted.filter(({ length }) => length > 0));
    if (writing !== undefined) await flow.ours(writing);
  };
  socket.on("data", onData);
  socket.on("end", onEnd);
  try {
    while (!ended) {
      await flow.until((done) => {
        wake = done;
        socket.resume();
      });
      wake = undefined;
      await flush();
      if (ended) break;
      await transferQuantum.ready();
      flow.spendOnReading();
    }
    await flush();
    const held = converter?.end();
    if (held !== undefined && held.length > 0) await sink.write([held]);
  } catch (error) {
    // What came before the connection broke is worth keeping: the client may resume.
    if (error instanceof TransferError) await write(gathered.take().chunks);
    throw error;
  } finally {
    socket.off("data", onData);
    socket.off("end", onEnd);
  }
}

/** Chunks that wait to be written together. */
class Gathered {
  readonly #enoughBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #sinceMs = 0;

  constructor(enoughBytes: number) {
    this.#enoughBytes = enoughBytes;
  }

  add(chunk: Buffer): void {
    if (this.#bytes === 0) this.#sinceMs = performance.now();
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  get isDue(): boolean {
    return (
      this.#bytes >= this.#enoughBytes || performance.now() - this.#sinceMs > LONGEST_GATHER_MS
    );
  }

  take(): { readonly chunks: readonly Buffer[]; readonly bytes: number } {
    const taken = { chunks: this.#chunks, bytes: this.#bytes };
    this.#chunks = [];
    this.#bytes = 0;
    return taken;
  }
}
