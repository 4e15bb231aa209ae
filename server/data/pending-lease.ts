/** One lease of a passive port, from PASV to the data connection. */
import type { Socket } from "node:net";
import type { PassiveLease } from "./passive-ports.ts";

type State =
  | { readonly kind: "waiting" }
  /** The connection came before anyone accepted it. */
  | { readonly kind: "held"; readonly socket: Socket }
  | {
      readonly kind: "accepting";
      readonly deliver: (socket: Socket) => void;
      /** Ends the wait when the lease is given back beneath it. */
      readonly withdraw: () => void;
    }
  /** The socket has passed to its owner, or the lease was given back. */
  | { readonly kind: "over" };

export class PendingLease implements PassiveLease {
  readonly port: number;
  /** Canonical address of the only peer that may connect. */
  readonly peerAddress: string;
  readonly #onOver: (lease: PendingLease) => void;
  #state: State = { kind: "waiting" };

  /** @param onOver is told once, when the port no longer waits for this peer. */
  constructor(port: number, peerAddress: string, onOver: (lease: PendingLease) => void) {
    this.port = port;
    this.peerAddress = peerAddress;
    this.#onOver = onOver;
  }

  /** Offers a connection of the leased peer; false when the lease has one already. */
  offer(socket: Socket): boolean {
    switch (this.#state.kind) {
      case "waiting":
        // Nothing reads it yet, so whether its client is still there shows when the transfer does.
        this.#state = { kind: "held", socket };
        return true;
      case "accepting":
        this.#state.deliver(socket);
        return true;
      case "held":
      case "over":
        return false;
    }
  }

  accept(signal: AbortSignal): Promise<Socket> {
    const state = this.#state;
    switch (state.kind) {
      case "held":
        this.#finish();
        return Promise.resolve(state.socket);
      case "waiting":
        return this.#waitForConnection(signal);
      case "accepting":
      case "over":
        return Promise.reject(new Error("a lease gives one connection, once"));
    }
  }

  #waitForConnection(signal: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#finish();
        reject(reasonOf(signal));
      };
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener("abort", onAbort, { once: true });
      const deliver = (socket: Socket): void => {
        signal.removeEventListener("abort", onAbort);
        this.#finish();
        resolve(socket);
      };
      const withdraw = (): void => {
        signal.removeEventListener("abort", onAbort);
        reject(new Error("the lease was given back"));
      };
      this.#state = { kind: "accepting", deliver, withdraw };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    const state = this.#state;
    if (state.kind !== "over") {
      this.#finish();
      if (state.kind === "held") state.socket.destroy();
      if (state.kind === "accepting") state.withdraw();
    }
    return Promise.resolve();
  }

  #finish(): void {
    this.#state = { kind: "over" };
    this.#onOver(this);
  }
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
