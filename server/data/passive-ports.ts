/**
 * The interface of passive ports: a shared resource of the process, not one listener per transfer.
 *
 * A lease is a pair of (port, client address). Listeners stay open; an accepted connection is
 * matched to the lease of its peer's address, and a stranger is dropped without disturbing the
 * lease. N ports so serve N *pending* data connections per client address.
 */
import type { Socket } from "node:net";

export interface LeaseRequest {
  /** Address of the control connection's peer: the only one whose connection is accepted. */
  readonly peerAddress: string;
  /** How long the lease waits for its transfer; undefined: as long as is usual. */
  readonly seconds?: number;
}

/**
 * A port that waits for one data connection. `await using` gives it back; one that nobody uses is
 * taken back after a while, and `accept` rejects then.
 */
export interface PassiveLease extends AsyncDisposable {
  readonly port: number;
  /**
   * Resolves with the one connection of the leased peer (already accepted or still to come).
   * Rejects with the signal's reason when it aborts first. Ownership of the socket passes.
   */
  accept(signal: AbortSignal): Promise<Socket>;
  /** The same at once, when the connection is here already; else undefined, and `accept` waits. */
  take(): Socket | undefined;
}

/** Thrown when every port already has a pending lease for the client's address. */
export class NoPassivePortError extends Error {
  override readonly name = "NoPassivePortError";
}

export interface PassivePorts extends AsyncDisposable {
  /** @throws NoPassivePortError */
  lease(request: LeaseRequest): Promise<PassiveLease>;
  /** The process is about to go: ports that a successor prefers are left to it. Leases go on. */
  withdraw(): void;
  /** Counts for metrics and status. */
  usage(): { readonly ports: number; readonly listening: number; readonly pending: number };
}
