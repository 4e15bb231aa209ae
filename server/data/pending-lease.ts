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
      /** Ends the wait. */
      readonly fail: (problem: string) => void;
    }
  /** The socket has passed to its owner, or the lease was given back. */
  | { readonly kind: "over" };

/**
 * For the client to connect after a connection was reset before anybody saw whose it was. It may
 * have been the client's: then nothing else will come, and the wait should not last. It may have
 * been a stranger's: then the client still has this long.
 */
const AFTER_RESET_MILLISECONDS = 1000;

export interface LeaseEvents {
  /** The connection is here: from now on the lease needs no listener. */
  readonly onHeld: (lease: PendingLease) => void;
  /** Told once: the port no longer waits for this peer. */
  readonly onOver: (lease: PendingLease) => void;
}

export class PendingLease implements PassiveLease {
  readonly port: number;
  /** Canonical address of the only peer that may connect. */
  readonly peerAddress: string;
  readonly leasedMs = Date.now();
  /** When it is taken back if no transfer has asked for its connection. */
  readonly untilMs: number;
  readonly #events: LeaseEvents;
  #state: State = { kind: "waiting" };
  #wasReset = false;
  #resetTimer: NodeJS.Timeout | undefined;

  /** @param seconds how long it waits for a transfer. */
  constructor(port: number, peerAddress: string, seconds: number, events: LeaseEvents) {
    this.port = port;
    this.peerAddress = peerAddress;
    this.untilMs = this.leasedMs + seconds * 1000;
    this.#events = events;
  }

  /** No transfer has asked for the connection yet: the lease may be taken back. */
  get isUnused(): boolean {
    return this.#state.kind === "waiting" || this.#state.kind === "held";
  }

  /** Its client is still to connect, so somebody has to listen. */
  get isExpecting(): boolean {
    return this.#state.kind === "waiting" || this.#state.kind === "accepting";
  }

  /** Offers a connection of the leased peer; false when the lease has one already. */
  offer(socket: Socket): boolean {
    switch (this.#state.kind) {
      case "waiting":
        // Nothing reads it yet, so whether its client is still there shows when the transfer does.
        this.#state = { kind: "held", socket };
        this.#events.onHeld(this);
        return true;
      case "accepting":
        this.#state.deliver(socket);
        return true;
      case "held":
      case "over":
        return false;
    }
  }

  /** A connection to the port was reset before its peer was known. */
  noticeReset(): void {
    this.#wasReset = true;
    const state = this.#state;
    if (state.kind !== "accepting") return;
    this.#resetTimer ??= setTimeout(
      () => state.fail("the data connection was reset"),
      AFTER_RESET_MILLISECONDS,
    );
  }

  take(): Socket | undefined {
    const state = this.#state;
    if (state.kind !== "held") return undefined;
    this.#finish();
    return state.socket;
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
      const end = (): void => {
        signal.removeEventListener("abort", onAbort);
        this.#finish();
      };
      const onAbort = (): void => {
        end();
        reject(reasonOf(signal));
      };
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener("abort", onAbort, { once: true });
      const deliver = (socket: Socket): void => {
        end();
        resolve(socket);
      };
      const fail = (problem: string): void => {
        end();
        reject(new Error(problem));
      };
      this.#state = { kind: "accepting", deliver, fail };
      if (this.#wasReset) this.noticeReset();
    });
  }

  /** Gives the port back. */
  release(): void {
    const state = this.#state;
    switch (state.kind) {
      case "over":
        return;
      case "accepting":
        state.fail("the lease was given back");
        return;
      case "held":
        state.socket.destroy();
        this.#finish();
        return;
      case "waiting":
        this.#finish();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  #finish(): void {
    clearTimeout(this.#resetTimer);
    this.#state = { kind: "over" };
    this.#events.onOver(this);
  }
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
