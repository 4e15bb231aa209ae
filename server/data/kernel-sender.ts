/** Sending from a file to a plain socket within the kernel: nothing passes through this process. */
import type { Socket } from "node:net";
import type { SystemCalls } from "../native/system-calls.ts";
import type { DiskPace } from "./disk-pace.ts";
import { descriptorOf } from "./socket-descriptor.ts";

/** Bytes that one call may move: a tenth of a millisecond. */
const MOST_BYTES = 512 * 1024;
/** Less is read and written just as fast. */
const LEAST_BYTES = 128 * 1024;

export type Step =
  | { readonly kind: "moved"; readonly bytes: number }
  /** The socket takes no more now. */
  | { readonly kind: "full" }
  /** The next bytes have to be read: they are not in the page cache, or there are none. */
  | { readonly kind: "read" };

const READ: Step = { kind: "read" };
const FULL: Step = { kind: "full" };

export interface KernelSenderOptions {
  readonly socket: Socket;
  readonly file: number;
  /** Size of the file when it was opened; what has grown since is read. */
  readonly sizeBytes: number;
  /** Every byte counts as cached. */
  readonly isInMemory?: boolean | undefined;
  readonly calls: SystemCalls;
  readonly pace: DiskPace;
}

/**
 * Sends in steps that never wait: for the network, because the socket does not block; for the disk,
 * because only what the page cache holds is sent so. Where nobody can tell what that is, the disk's
 * pace decides, as it does for reading.
 */
export class KernelSender {
  readonly #options: KernelSenderOptions;
  #works = true;

  constructor(options: KernelSenderOptions) {
    this.#options = options;
  }

  /** Nothing may wait in the socket's own queue. @param end byte of the file before which to stop. */
  step(position: number, end: number): Step {
    const { socket, file, sizeBytes, isInMemory, calls, pace } = this.#options;
    const bytes = Math.min(MOST_BYTES, Math.min(end, sizeBytes) - position);
    const descriptor = descriptorOf(socket);
    if (!this.#works || bytes < LEAST_BYTES || descriptor === undefined) return READ;
    const cached = isInMemory === true || calls.isCached(file, position, bytes);
    if (!(cached ?? pace.isFast)) return READ;
    const result = pace.measure(() => calls.sendFile(descriptor, file, position, bytes));
    switch (result.kind) {
      case "moved":
        return result.bytes > 0 ? result : READ;
      case "wouldBlock":
        return FULL;
      // A write in the usual way tells what is wrong.
      case "connectionLost":
      case "unsupported":
        this.#works = false;
        return READ;
    }
  }
}
