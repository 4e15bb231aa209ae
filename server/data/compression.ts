/**
 * MODE Z: on the data connection, a zlib stream (RFC 1950) in place of the bytes themselves
 * (draft-preston-ftpext-deflate). Memory stays bounded in both directions, however well the data
 * shrinks.
 */
import { once } from "node:events";
import { createDeflate, createInflate, type Inflate } from "node:zlib";
import { StorageError, type ReadHandle, type WriteHandle } from "../storage/storage.ts";
import { fromWire, toWire } from "./ascii.ts";
import { TransferError } from "./data-flow.ts";
import { openSource } from "./file-source.ts";

const READ_BYTES = 64 * 1024;

export interface ReadOptions {
  readonly offset: number;
  /** Byte before which to stop; absent: the end of the file. */
  readonly end?: number | undefined;
  readonly ascii: boolean;
}

/** The bytes of a file as MODE S would send them. A chunk is good until the next one is asked for. */
export async function* readFileChunks(
  handle: ReadHandle,
  { offset, end = Infinity, ascii }: ReadOptions,
): AsyncGenerator<Uint8Array> {
  const source = openSource(handle);
  const converter = ascii ? toWire() : undefined;
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let position = offset; position < end;) {
    const wanted = buffer.subarray(0, Math.min(buffer.length, end - position));
    const count = await source(wanted, position);
    if (count === 0) return;
    position += count;
    const chunk = wanted.subarray(0, count);
    yield converter === undefined ? chunk : converter.convert(chunk);
  }
}

/** Compresses what passes; `chunks` may reuse their memory. @param level 0 to 9 */
export async function* compress(
  chunks: AsyncIterable<Uint8Array>,
  level: number,
): AsyncGenerator<Uint8Array> {
  const deflate = createDeflate({ level });
  const ready: Buffer[] = [];
  deflate.on("data", (piece: Buffer) => ready.push(piece));
  try {
    for await (const chunk of chunks) {
      await new Promise<void>((resolve, reject) => {
        deflate.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      yield* ready.splice(0);
    }
    const ended = once(deflate, "end");
    deflate.end();
    await ended;
    yield* ready.splice(0);
  } finally {
    deflate.destroy();
  }
}

/**
 * Writes to `target` what the compressed bytes given to it stand for. `commit` succeeds only when
 * the compressed stream was whole, so that an upload that was cut off is never taken for complete.
 * Whoever disposes it still owns `target`.
 *
 * @throws TransferError `damaged`; StorageError
 */
export class InflatingHandle implements WriteHandle {
  readonly name: string;
  readonly fileDescriptor = undefined;
  readonly startOffset: number;
  readonly #target: WriteHandle;
  readonly #inflate: Inflate = createInflate();
  readonly #drained: Promise<void>;
  #given = 0;

  /** @param ascii converts CRLF to LF once decompressed. */
  constructor(target: WriteHandle, ascii: boolean) {
    this.name = target.name;
    this.startOffset = target.startOffset;
    this.#target = target;
    this.#drained = this.#drain(ascii);
    // Nobody waits for it between two writes; the next one learns of it.
    this.#drained.catch(() => undefined);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#given += chunk.length;
    const written = new Promise<void>((resolve) => this.#inflate.write(chunk, () => resolve()));
    await Promise.race([this.#drained, written]);
  }

  async commit(): Promise<string> {
    this.#inflate.end();
    await this.#drained;
    // What follows the end of the compressed stream is no part of the file, nor of anything else.
    if (this.#inflate.bytesWritten < this.#given) throw new TransferError("damaged");
    return this.#target.commit();
  }

  /** Nothing is written to the target any more once this has resolved. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#inflate.destroy();
    await Promise.allSettled([this.#drained]);
  }

  async #drain(ascii: boolean): Promise<void> {
    const converter = ascii ? fromWire() : undefined;
    try {
      for await (const piece of this.#inflate as AsyncIterable<Buffer>) {
        await this.#target.write(converter?.convert(piece) ?? piece);
      }
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw isZlibError(error) ? new TransferError("damaged", { cause: error }) : error;
    }
    const held = converter?.end();
    if (held !== undefined && held.length > 0) await this.#target.write(held);
  }
}

function isZlibError(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && /^(?:Z_|ERR_STREAM)/u.test(String(error.code))
  );
}
