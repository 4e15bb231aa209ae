/**
 * Passive ports over listeners that stay open.
 *
 * A listener is opened when its port is first leased, and kept: the next transfer finds it there.
 * Ports are bound, never probed; one that something else holds is left out and tried again later.
 */
import { createServer, type Server, type Socket } from "node:net";
import { countPorts, type PortRange } from "#contract";
import type { Logger } from "../logging/logger.ts";
import { canonicalAddress } from "../protocol/addresses.ts";
import {
  NoPassivePortError,
  type LeaseRequest,
  type PassiveLease,
  type PassivePorts,
} from "./passive-ports.ts";
import { PendingLease } from "./pending-lease.ts";
import { PortCycle } from "./port-cycle.ts";

export interface SharedPassivePortsOptions {
  /** The slices of the passive range that this process owns; no other may listen on them. */
  readonly ranges: readonly PortRange[];
  /** Local addresses, as in the settings; `::` covers IPv4 too. */
  readonly addresses: readonly string[];
  readonly logger: Logger;
  /** How long a port that cannot be bound is left alone. */
  readonly retrySeconds?: number;
}

const RETRY_SECONDS = 30;
/** Connections that the kernel completes before this process takes them. */
const BACKLOG = 511;

type Listener =
  | { readonly kind: "opening"; readonly opened: Promise<boolean> }
  | { readonly kind: "open"; readonly servers: readonly Server[] }
  | { readonly kind: "unavailable"; readonly retryAtMs: number };

export class SharedPassivePorts implements PassivePorts {
  readonly #options: SharedPassivePortsOptions;
  readonly #cycle: PortCycle;
  readonly #listeners = new Map<number, Listener>();
  /** Pending leases by port and canonical address of the peer. */
  readonly #leases = new Map<number, Map<string, PendingLease>>();
  #pending = 0;
  #closed = false;

  constructor(options: SharedPassivePortsOptions) {
    this.#options = options;
    this.#cycle = new PortCycle(
      options.ranges.flatMap((range) =>
        Array.from({ length: countPorts(range) }, (_, index) => range.first + index),
      ),
    );
  }

  async lease({ peerAddress }: LeaseRequest): Promise<PassiveLease> {
    const peer = canonicalAddress(peerAddress);
    // Every port is tried at most once; a port that turns out to be taken costs another turn.
    for (let tried = 0; tried < this.#cycle.size; tried++) {
      const lease = this.#reserve(peer);
      if (lease === undefined) break;
      if (await this.#open(lease.port)) return lease;
      await lease[Symbol.asyncDispose]();
    }
    throw new NoPassivePortError("every passive port is taken or cannot be opened");
  }

  usage(): { readonly ports: number; readonly listening: number; readonly pending: number } {
    let listening = 0;
    for (const { kind } of this.#listeners.values()) if (kind === "open") listening++;
    return { ports: this.#cycle.size, listening, pending: this.#pending };
  }

  /** Stops listening. Connections that were accepted live on with their owners. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const leases = [...this.#leases.values()].flatMap((peers) => [...peers.values()]);
    await Promise.all(leases.map((lease) => lease[Symbol.asyncDispose]()));
    await Promise.all(
      [...this.#listeners.values()].flatMap((listener) =>
        listener.kind === "opening" ? [listener.opened] : [],
      ),
    );
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) {
      if (listener.kind === "open") for (const server of listener.servers) server.close();
    }
  }

  /** Takes the pair (port, peer) at once, so that nobody else gets it while the port opens. */
  #reserve(peer: string): PendingLease | undefined {
    if (this.#closed) return undefined;
    const now = Date.now();
    const port = this.#cycle.take((candidate) => {
      const listener = this.#listeners.get(candidate);
      if (listener?.kind === "unavailable" && now < listener.retryAtMs) return false;
      return this.#leases.get(candidate)?.has(peer) !== true;
    });
    if (port === undefined) return undefined;
    const lease = new PendingLease(port, peer, this.#release);
    const peers = this.#leases.get(port) ?? new Map<string, PendingLease>();
    this.#leases.set(port, peers.set(peer, lease));
    this.#pending++;
    return lease;
  }

  readonly #release = ({ port, peerAddress }: PendingLease): void => {
    const peers = this.#leases.get(port);
    peers?.delete(peerAddress);
    if (peers?.size === 0) this.#leases.delete(port);
    this.#pending--;
  };

  async #open(port: number): Promise<boolean> {
    const listener = this.#listeners.get(port);
    if (listener?.kind === "open") return true;
    if (listener?.kind === "opening") return listener.opened;
    const opened = this.#listen(port);
    this.#listeners.set(port, { kind: "opening", opened });
    return opened;
  }

  async #listen(port: number): Promise<boolean> {
    const { addresses, logger, retrySeconds = RETRY_SECONDS } = this.#options;
    const servers: Server[] = [];
    try {
      for (const address of addresses) {
        servers.push(await this.#bind(port, address, addresses));
      }
    } catch (error) {
      for (const server of servers) server.close();
      this.#listeners.set(port, {
        kind: "unavailable",
        retryAtMs: Date.now() + retrySeconds * 1000,
      });
      logger.log("warn", "passivePortUnavailable", { port, reason: codeOf(error), retrySeconds });
      return false;
    }
    this.#listeners.set(port, { kind: "open", servers });
    return !this.#closed;
  }

  async #bind(port: number, address: string, all: readonly string[]): Promise<Server> {
    try {
      return await this.#bindTo(port, address, address === "::" && all.includes("0.0.0.0"));
    } catch (error) {
      // A machine without IPv6 has no `::`; what it would have covered of IPv4 is 0.0.0.0.
      const withoutIpv6 = ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(codeOf(error));
      if (address !== "::" || !withoutIpv6 || all.includes("0.0.0.0")) throw error;
      return await this.#bindTo(port, "0.0.0.0", false);
    }
  }

  #bindTo(port: number, host: string, ipv6Only: boolean): Promise<Server> {
    // Half open, because a client may end its side of a download at once; paused, so that no byte
    // is read before the transfer decides how.
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host, ipv6Only, backlog: BACKLOG, exclusive: true }, () => {
        server.off("error", reject);
        // Errors of a listener that is open concern single connections (EMFILE, ECONNABORTED).
        server.on("error", (error) => {
          this.#options.logger.log("warn", "passiveListenerError", { port, reason: codeOf(error) });
        });
        server.on("connection", (socket) => this.#onConnection(port, socket));
        resolve(server);
      });
    });
  }

  #onConnection(port: number, socket: Socket): void {
    const peer = canonicalAddress(socket.remoteAddress ?? "");
    if (this.#leases.get(port)?.get(peer)?.offer(socket) === true) return;
    // A stranger, or a second connection: a reset costs the least and leaves nothing behind.
    socket.on("error", () => socket.destroy());
    socket.resetAndDestroy();
    this.#options.logger.log("info", "passiveStranger", { port, peer });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
