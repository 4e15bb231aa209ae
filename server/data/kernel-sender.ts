/** Sending from a file to a plain socket within the kernel: nothing passes through this process. */
import type { Socket } from "node:net";
import type { SystemCalls } from "../native/system-calls.ts";
import { ClientPace } from "./client-pace.ts";
import type { DiskPace } from "./disk-pace.ts";
import { sendThreads } from "./send-threads.ts";
import { descriptorOf, holdReading } from "./socket-descriptor.ts";

/** Bytes that one call may move: a tenth of a millisecond. */
const MOST_BYTES = 512 * 1024;
/** Less is read and written just as fast. */
const LEAST_BYTES = 128 * 1024;
/** What a thread sends at once: some ten milliseconds; less is not worth the way there. */
const PART_BYTES = 32 * 1024 * 1024;
/** The same where nobody else has a thread: what went out in so long until now, but at most so much. */
const LONE_PART_MS = 250;
const LONE_PART_BYTES = 1024 * 1024 * 1024;
/** Of a file on a disk: it may be slower than its cache was, and nothing ends a part that waits for it. */
const LONE_DISK_PART_BYTES = 256 * 1024 * 1024;
/** After this a part ends with what has moved: its client became slower than it was. */
const LONGEST_PART_MS = 500;
/** What is left of a file, and less than this, goes on in steps. */
const LEAST_THREAD_BYTES = 4 * 1024 * 1024;

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
  readonly clientPace?: ClientPace | undefined;
}

/**
 * Sends in steps that never wait: for the network, because the socket does not block; for the disk,
 * because only what the page cache holds is sent so. Where nobody can tell what that is, the disk's
 * pace decides, as it does for reading. To a client that takes as much as one thread can send, the
 * rest of a large file goes from other threads, which may wait.
 */
export class KernelSender {
  readonly #options: KernelSenderOptions;
  readonly #clientPace: ClientPace;
  #works = true;

  constructor(options: KernelSenderOptions) {
    this.#options = options;
    this.#clientPace = options.clientPace ?? new ClientPace();
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
        this.#clientPace.moved(result.bytes);
        return result.bytes > 0 ? result : READ;
      case "wouldBlock":
        this.#clientPace.filled();
        return FULL;
      // A write in the usual way tells what is wrong.
      case "connectionLost":
      case "unsupported":
        this.#works = false;
        return READ;
    }
  }

  /**
   * Sends a large part on another thread and resolves with its bytes; 0 when it has to go on in
   * steps. Undefined when that is so from the start. A socket that is closed meanwhile ends it.
   */
  inThread(position: number, end: number): Promise<number> | undefined {
    const { sizeBytes, socket } = this.#options;
    const bytes = Math.min(this.#partBytes, Math.min(end, sizeBytes) - position);
    if (!this.#works || !this.#clientPace.keepsUp || bytes < LEAST_THREAD_BYTES) return undefined;
    return socket.destroyed ? undefined : this.#sendInThread(position, bytes);
  }

  /** Larger, because the way to a thread and back costs the event loop a third of a millisecond or more. */
  get #partBytes(): number {
    if (!sendThreads.isUnused) return PART_BYTES;
    const bytes = Math.ceil(this.#clientPace.bytesIn(LONE_PART_MS));
    const most = this.#options.isInMemory === true ? LONE_PART_BYTES : LONE_DISK_PART_BYTES;
    return Math.min(Math.max(bytes, PART_BYTES), most);
  }

  async #sendInThread(position: number, bytes: number): Promise<number> {
    const free = await sendThreads.take();
    this.#clientPace.restart();
    if (!free) return 0;
    const { socket, file, calls } = this.#options;
    using ending = new DisposableStack();
    ending.defer(() => sendThreads.give());
    const descriptor = descriptorOf(socket);
    const goOn = descriptor === undefined ? undefined : holdReading(socket);
    if (descriptor === undefined || goOn === undefined) return 0;
    ending.defer(goOn);
    const sending = calls.startSending(descriptor, file, position, bytes);
    if (sending === undefined) return 0;
    const abort = (): void => sending.abort();
    socket.once("close", abort);
    ending.defer(() => socket.off("close", abort));
    const finishSoon = (): void => sending.finishSoon();
    const overdue = setTimeout(finishSoon, LONGEST_PART_MS);
    ending.defer(() => clearTimeout(overdue));
    // Others do not wait until so much has gone out.
    if (bytes > PART_BYTES) ending.use(sendThreads.onWaiting(finishSoon));
    const moved = await sending.done;
    this.#clientPace.waited(moved);
    return moved;
  }
}
