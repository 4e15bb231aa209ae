/** Runs one transfer from its plan to its result: data connection, TLS, bytes, commit. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { activeDataPort } from "#contract";
import { connectActive } from "../data/active-connection.ts";
import { acknowledgePromptly } from "../data/prompt-acknowledgement.ts";
import { settlesSoon } from "../data/settles-soon.ts";
import {
  compress,
  InflatingHandle,
  readFileChunks,
  receiveFile,
  RecordStream,
  sendChunks,
  sendFile,
  TransferError,
} from "../data/transfer.ts";
import { StorageError } from "../storage/storage.ts";
import type { SessionChannels } from "../tls/contexts.ts";
import { secureServerSocket, TlsHandshakeError } from "../tls/secure-socket.ts";
import { inTime } from "./deadline.ts";
import { BOUNDS } from "./limits.ts";
import type { TransferPlan, TransferResult, TransferStatus } from "./outcomes.ts";
import type { TransferLimits } from "./presence.ts";
import type { DataChannel } from "./state.ts";

export interface TransferOptions {
  readonly channel: DataChannel;
  /** Undefined: the data connection is clear. */
  readonly tls: SessionChannels | undefined;
  /** Local end of the control connection; active data connections leave from beside it. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly limits: TransferLimits;
  /** Told once the data connection is open and, where asked for, secured. */
  readonly onOpen: () => void;
  /** Of MODE Z; undefined: the bytes move as they are. */
  readonly deflateLevel: number | undefined;
  /** Sends the reply 150; called once, unless the transfer fails before. */
  readonly announce: () => void;
}

/** A transfer that can be watched and ended. */
export class RunningTransfer implements TransferStatus {
  readonly plan: TransferPlan;
  bytes = 0;
  readonly #abort = new AbortController();
  /** What carries the TLS of an upload. */
  #records: RecordStream | undefined;

  constructor(plan: TransferPlan) {
    this.plan = plan;
  }

  get direction(): TransferPlan["direction"] {
    return this.plan.direction;
  }

  get path(): string {
    return this.plan.path;
  }

  abort(): void {
    this.#abort.abort();
  }

  /**
   * Runs to the end, whichever it is. Everything that the plan and the channel hold is closed
   * then.
   *
   * @param prepare is asked once, when the plan is sure to be closed.
   * @throws whatever is no expected failure: a bug.
   */
  async run(prepare: () => TransferOptions): Promise<TransferResult> {
    const { plan } = this;
    await using _file = plan.direction === "send" ? plan.source : undefined;
    await using _upload = plan.direction === "receive" ? plan.target : undefined;
    await using _listing = plan.direction === "list" ? plan.chunks : undefined;
    const options = prepare();
    try {
      const socket = await this.#connect(options);
      try {
        options.onOpen();
        return await this.#move(socket, options);
      } finally {
        socket.destroy();
      }
    } catch (error) {
      return { kind: "failed", failure: toFailure(error), bytes: this.bytes };
    }
  }

  /**
   * A client that dies closes both connections, and the end of the data may be heard first. It is
   * not the end of the file when the control connection is gone too, so that one is listened to
   * before an upload is complete: some turns, and after a long upload a moment.
   */
  async #hearControl(tookMs: number): Promise<void> {
    if (tookMs > LONG_UPLOAD_MS) await pause(DYING_MS);
    for (let turn = 0; turn < DYING_TURNS && !this.#abort.signal.aborted; turn++) await nextTurn();
    if (this.#abort.signal.aborted) throw new TransferError("aborted");
  }

  async #connect({ channel, announce, ...options }: TransferOptions): Promise<Socket> {
    const { limits, tls } = options;
    if (tls === undefined && channel.kind === "passive" && !this.#abort.signal.aborted) {
      const held = channel.lease.take();
      if (held !== undefined) {
        announce();
        return held;
      }
    }
    let early = false;
    let socket: Socket;
    try {
      socket = await inTime(this.#abort.signal, limits.dataConnectionSeconds, async (signal) => {
        const opening = open(channel, signal, options);
        early = tls !== undefined && (await settlesSoon(opening));
        if (!early) announce();
        return await opening;
      });
    } catch (error) {
      throw this.#abort.signal.aborted ? new TransferError("aborted") : new NoConnection(error);
    }
    return tls === undefined
      ? socket
      : await this.#secure(socket, tls, early ? announce : undefined);
  }

  /**
   * The handshake begins with the reply 150 for most clients. Some begin theirs as soon as they are
   * connected, and when they have nothing to send they close right after the 150, in the midst of
   * the handshake: it has to be done by then. @param announce sends the 150, when it is still due.
   */
  async #secure(
    socket: Socket,
    tls: SessionChannels,
    announce: (() => void) | undefined,
  ): Promise<Socket> {
    const uploads = this.plan.direction === "receive";
    const records = uploads ? new RecordStream(socket) : undefined;
    this.#records = records;
    const raw = records?.socket ?? socket;
    // TLS takes any duplex stream, and nothing else is asked of this one.
    const below = (records as Duplex | undefined as Socket | undefined) ?? socket;
    const channel = uploads ? tls.upload : tls.download;
    try {
      const secured = await inTime(
        this.#abort.signal,
        BOUNDS.tlsHandshakeSeconds,
        async (signal) => {
          const securing = secureServerSocket(below, channel, {
            signal,
            requireSessionReuse: tls.requiresReuse,
          });
          if (announce === undefined) return await securing;
          if (!(await settlesSoon(securing)) && raw.bytesRead > 0) {
            await Promise.race([
              securing,
              pause(BOUNDS.earlyHandshakeMilliseconds, undefined, { ref: false }),
            ]);
          }
          announce();
          return await securing;
        },
      );
      if (uploads) acknowledgePromptly(raw);
      return secured;
    } catch (error) {
      if (this.#abort.signal.aborted) throw new TransferError("aborted", { cause: error });
      throw error;
    }
  }

  async #move(socket: Socket, { limits, deflateLevel }: TransferOptions): Promise<TransferResult> {
    const { plan } = this;
    const common = {
      signal: this.#abort.signal,
      idleTimeoutSeconds: limits.dataIdleSeconds,
      rateLimiter: limits.rateLimiter,
      tellsEnd: deflateLevel !== undefined,
      onBytes: (count: number): void => {
        this.bytes += count;
      },
    };
    switch (plan.direction) {
      case "send": {
        const { source, offset, end, ascii } = plan;
        const options = { offset, end, ascii };
        const bytes =
          deflateLevel === undefined
            ? await sendFile(socket, source, { ...common, ...options })
            : await sendChunks(
                socket,
                compress(readFileChunks(source, options), deflateLevel),
                common,
              );
        return { kind: "complete", bytes };
      }
      case "list": {
        const chunks =
          deflateLevel === undefined ? plan.chunks : compress(plan.chunks, deflateLevel);
        return { kind: "complete", bytes: await sendChunks(socket, chunks, common) };
      }
      case "receive": {
        await using inflating =
          deflateLevel === undefined ? undefined : new InflatingHandle(plan.target, plan.ascii);
        const target = inflating ?? plan.target;
        const ascii = plan.ascii && inflating === undefined;
        const startedMs = performance.now();
        const bytes = await receiveFile(socket, target, {
          ...common,
          ascii,
          isWhole: () => this.#records?.isWhole !== false,
        });
        await this.#hearControl(performance.now() - startedMs);
        await target.commit();
        return { kind: "complete", bytes };
      }
    }
  }
}

/** How long after the data connection the control connection of a dying client may end. */
const DYING_TURNS = 3;
const DYING_MS = 5;
const LONG_UPLOAD_MS = 50;

/** No data connection came about in time. */
class NoConnection extends Error {
  constructor(cause: unknown) {
    super("no data connection", { cause });
  }
}

async function open(
  channel: DataChannel,
  signal: AbortSignal,
  local: { readonly localAddress: string; readonly localPort: number },
): Promise<Socket> {
  switch (channel.kind) {
    case "none":
      throw new Error("no data connection was prepared");
    case "passive": {
      await using lease = channel.lease;
      return await lease.accept(signal);
    }
    case "active":
      return await connectActive(channel.endpoint, {
        localAddress: local.localAddress,
        localPort: activeDataPort(local.localPort),
        signal,
      });
  }
}

function toFailure(error: unknown): Extract<TransferResult, { kind: "failed" }>["failure"] {
  if (error instanceof StorageError) {
    return { kind: "storage", error: error.kind, reason: error.reason };
  }
  if (error instanceof TransferError) return { kind: error.kind };
  if (error instanceof NoConnection) return { kind: "noConnection" };
  if (error instanceof TlsHandshakeError) {
    return { kind: error.kind === "sessionNotReused" ? "sessionNotReused" : "tlsFailed" };
  }
  throw error;
}
