/** Runs one transfer from its plan to its result: data connection, TLS, bytes, commit. */
import type { Socket } from "node:net";
import { activeDataPort } from "#contract";
import { connectActive } from "../data/active-connection.ts";
import { receiveFile, sendChunks, sendFile, TransferError } from "../data/transfer.ts";
import { StorageError } from "../storage/storage.ts";
import type { TlsContexts } from "../tls/contexts.ts";
import { secureServerSocket, TlsHandshakeError } from "../tls/secure-socket.ts";
import { LIMITS } from "./limits.ts";
import type { TransferPlan, TransferResult, TransferStatus } from "./outcomes.ts";
import type { DataChannel } from "./state.ts";

export interface TransferOptions {
  readonly channel: DataChannel;
  /** Undefined: the data connection is clear. */
  readonly tls: TlsContexts | undefined;
  /** Local end of the control connection; active data connections leave from beside it. */
  readonly localAddress: string;
  readonly localPort: number;
}

/** A transfer that can be watched and ended. */
export class RunningTransfer implements TransferStatus {
  readonly plan: TransferPlan;
  bytes = 0;
  readonly #abort = new AbortController();

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
   * @throws whatever is no expected failure: a bug.
   */
  async run(options: TransferOptions): Promise<TransferResult> {
    const { plan } = this;
    await using _file = plan.direction === "send" ? plan.source : undefined;
    await using _upload = plan.direction === "receive" ? plan.target : undefined;
    try {
      const socket = await this.#connect(options);
      try {
        return await this.#move(socket);
      } finally {
        socket.destroy();
      }
    } catch (error) {
      return { kind: "failed", failure: toFailure(error), bytes: this.bytes };
    }
  }

  async #connect({ channel, tls, localAddress, localPort }: TransferOptions): Promise<Socket> {
    const timeout = AbortSignal.timeout(LIMITS.dataConnectionSeconds * 1000);
    const signal = AbortSignal.any([this.#abort.signal, timeout]);
    let socket: Socket;
    try {
      socket = await open(channel, signal, { localAddress, localPort });
    } catch (error) {
      throw this.#abort.signal.aborted ? new TransferError("aborted") : new NoConnection(error);
    }
    if (tls === undefined) return socket;
    const secured = this.plan.direction === "receive" ? tls.upload : tls.download;
    const handshake = AbortSignal.timeout(LIMITS.tlsHandshakeSeconds * 1000);
    try {
      return await secureServerSocket(socket, secured, {
        signal: AbortSignal.any([this.#abort.signal, handshake]),
      });
    } catch (error) {
      if (this.#abort.signal.aborted) throw new TransferError("aborted", { cause: error });
      throw error;
    }
  }

  async #move(socket: Socket): Promise<TransferResult> {
    const { plan } = this;
    const common = {
      signal: this.#abort.signal,
      idleTimeoutSeconds: LIMITS.dataIdleSeconds,
      onBytes: (count: number): void => {
        this.bytes += count;
      },
    };
    switch (plan.direction) {
      case "send": {
        const { source, offset, ascii } = plan;
        const bytes = await sendFile(socket, source, { ...common, offset, ascii });
        return { kind: "complete", bytes };
      }
      case "list":
        return { kind: "complete", bytes: await sendChunks(socket, plan.chunks, common) };
      case "receive": {
        const bytes = await receiveFile(socket, plan.target, { ...common, ascii: plan.ascii });
        const storedName = await plan.target.commit();
        return { kind: "complete", bytes, storedName };
      }
    }
  }
}

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
  if (error instanceof StorageError) return { kind: "storage", error: error.kind };
  if (error instanceof TransferError) return { kind: error.kind };
  if (error instanceof NoConnection) return { kind: "noConnection" };
  if (error instanceof TlsHandshakeError) return { kind: "tlsFailed" };
  throw error;
}
