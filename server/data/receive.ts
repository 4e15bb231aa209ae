/** Receiving files. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { systemCalls } from "../native/system-calls.ts";
import type { WriteHandle } from "../storage/storage.ts";
import { DataFlow, TransferError, type TransferOptions } from "./data-flow.ts";
import type { DiskPace } from "./disk-pace.ts";
import { openSink } from "./file-sink.ts";
import { receiveChunks } from "./receive-chunks.ts";
import { openInPlace, receiveInPlace } from "./receive-in-place.ts";

export interface ReceiveFileOptions extends TransferOptions {
  /** Converts CRLF to LF. */
  readonly ascii?: boolean | undefined;
  /** Asked at the client's end: false when it came in the midst of something, so that bytes miss. */
  readonly isWhole?: (() => boolean) | undefined;
  /** For tests: whether the disk counts as fast. */
  readonly pace?: DiskPace | undefined;
  /** For tests: false leaves out the path that reads into a buffer of its own. */
  readonly inPlace?: boolean | undefined;
}

/**
 * Receives a file until the client ends the connection, FIN between two records being enough also
 * with TLS. Resolves
 * with the bytes that came over the connection, all of which have been written to `handle`; commit
 * and dispose stay the caller's. A transfer that fails has written what came until then.
 *
 * @throws TransferError, StorageError
 */
export async function receiveFile(
  socket: Socket,
  handle: WriteHandle,
  options: ReceiveFileOptions,
): Promise<number> {
  const calls = options.native === false || socket instanceof TLSSocket ? undefined : systemCalls();
  const sink = openSink(handle, options.pace, calls);
  const plainBytes =
    options.ascii !== true && options.rateLimiter === undefined && options.inPlace !== false;
  const rewrapped =
    plainBytes && handle.fileDescriptor !== undefined && !options.signal.aborted
      ? openInPlace(socket)
      : undefined;
  const source = rewrapped?.socket ?? socket;
  using flow = new DataFlow(source, options);
  try {
    if (rewrapped === undefined) await receiveChunks(flow, sink, options);
    else await receiveInPlace(flow, sink, rewrapped.reader);
    if (options.isWhole?.() === false) throw new TransferError("connectionLost");
    // The client may wait for our close_notify before it reads the reply.
    if (flow.isSecured) await flow.until((done) => void source.end(() => done()));
    return flow.bytes;
  } finally {
    source.destroy();
  }
}
