/**
 * Passive ports over listeners that stay open.
 *
 * A listener is opened when its port is first leased and kept for the transfers that follow. Ports
 * are bound, never probed: one that another process holds is left out and tried again later.
 */
import type { Server, Socket } from "node:net";
import { countPorts, type PortRange } from "#contract";
import type { Logger } from "../logging/logger.ts";
import { canonicalAddress } from "../protocol/addresses.ts";
import { codeOf, openPassiveListener } from "./passive-listener.ts";
import {
  NoPassivePortError,
  type LeaseRequest,
  type PassiveLease,
  type PassivePorts,
} from "./passive-ports.ts";
import { PendingLease } from "./pending-lease.ts";
import { PortCycle } from "./port-cycle.ts";

export interface SharedPassivePortsOptions {
  /** The slices of the passive range that this process prefers; no other one prefers them. */
  readonly ranges: readonly PortRange[];
  /** Slices that another process prefers, for when the own ones are exhausted. */
  readonly borrowed?: readonly PortRange[];
  /** True once that process has ended: the borrowed slices are then as good as the own ones. */
  readonly isAlone?: () => boolean;
  /** Local addresses, as in the settings; `::` covers IPv4 too. */
  readonly addresses: readonly string[];
  readonly logger: Logger;
  /** How long a port that cannot be bound is left alone while there are others. */
  readonly retrySeconds?: number;
  /** How long a lease waits for its transfer command. */
  readonly leaseSeconds?: number;
  /** How long a lease is safe from being taken back for somebody else of its address. */
  readonly safeSeconds?: number;
  /** How long a listener without leases stays open. */
  readonly listenerSeconds?: number;
}

const RETRY_SECONDS = 30;
/** The same when every other port is taken. */
const URGENT_RETRY_MILLISECONDS = 1000;
const LEASE_SECONDS = 120;
/** Clients that mean to use a lease do so within a few round trips. */
const SAFE_SECONDS = 5;
const LISTENER_SECONDS = 60;
const SWEEPS_PER_PERIOD = 4;
/** Strangers are logged this often at most, with their number. */
const STRANGERS_MILLISECONDS = 1000;

type Listener =
  | { readonly kind: "opening"; readonly opened: Promise<boolean> }
  /** `idleMs`: since when no lease has been here. */
  | { readonly kind: "open"; readonly servers: readonly Server[]; idleMs: number }
  | { readonly kind: "unavailable"; readonly triedMs: number };

export class SharedPassivePorts implements PassivePorts {
  readonly #options: SharedPassivePortsOptions;
  readonly #own: PortCycle;
  readonly #borrowed: PortCycle;
  /** Both, for when nobody else prefers any of them. */
  readonly #all: PortCycle;
  readonly #borrowedPorts: ReadonlySet<number>;
  readonly #listeners = new Map<number, Listener>();
  /** Pending leases by port and canonical address of the peer. */
  readonly #leases = new Map<number, Map<string, PendingLease>>();
  readonly #sweeper: NodeJS.Timeout;
  #pending = 0;
  #strangers = 0;
  #strangersLoggedMs = 0;
  #state: "open" | "withdrawn" | "closed" = "open";

  constructor(options: SharedPassivePortsOptions) {
    this.#options = options;
    const borrowed = (options.borrowed ?? []).flatMap(portsOf);
    this.#own = new PortCycle(options.ranges.flatMap(portsOf));
    this.#borrowed = new PortCycle(borrowed);
    this.#all = new PortCycle([...options.ranges.flatMap(portsOf), ...borrowed]);
    this.#borrowedPorts = new Set(borrowed);
    const { leaseSeconds = LEASE_SECONDS, listenerSeconds = LISTENER_SECONDS } = options;
    const periodMs = (Math.min(leaseSeconds, listenerSeconds) * 1000) / SWEEPS_PER_PERIOD;
    this.#sweeper = setInterval(() => this.#sweep(Date.now()), periodMs);
    this.#sweeper.unref();
  }

  async lease({ peerAddress }: LeaseRequest): Promise<PassiveLease> {
    const peer = canonicalAddress(peerAddress);
    const { retrySeconds = RETRY_SECONDS } = this.#options;
    // A port that turns out to be taken costs another turn; each is tried once per turn at most.
    const lease =
      (this.#isAlone() ? await this.#leaseFrom(this.#all, peer, retrySeconds * 1000) : undefined) ??
      (await this.#leaseFrom(this.#own, peer, retrySeconds * 1000)) ??
      (await this.#leaseFrom(this.#borrowed, peer, retrySeconds * 1000)) ??
      (await this.#leaseFrom(this.#own, peer, URGENT_RETRY_MILLISECONDS)) ??
      (await this.#leaseFrom(this.#borrowed, peer, URGENT_RETRY_MILLISECONDS)) ??
      (await this.#takeBack(peer));
    if (lease !== undefined) return lease;
    throw new NoPassivePortError("every passive port is taken or cannot be opened");
  }

  withdraw(): void {
    if (this.#state === "open") this.#state = "withdrawn";
    for (const port of this.#borrowedPorts) if (!this.#leases.has(port)) this.#close(port);
  }

  usage(): { readonly ports: number; readonly listening: number; readonly pending: number } {
    let listening = 0;
    for (const { kind } of this.#listeners.values()) if (kind === "open") listening++;
    const { size } = this.#isAlone() ? this.#all : this.#own;
    return { ports: size, listening, pending: this.#pending };
  }

  #isAlone(): boolean {
    return this.#state === "open" && this.#options.isAlone?.() === true;
  }

  /** Stops listening. Connections that were accepted live on with their owners. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    clearInterval(this.#sweeper);
    for (const lease of this.#allLeases()) lease.release();
    await Promise.all(
      [...this.#listeners.values()].flatMap((listener) =>
        listener.kind === "opening" ? [listener.opened] : [],
      ),
    );
    for (const port of this.#listeners.keys()) this.#close(port);
  }

  async #leaseFrom(
    cycle: PortCycle,
    peer: string,
    retryMs: number,
  ): Promise<PendingLease | undefined> {
    for (let tried = 0; tried < cycle.size; tried++) {
      if (this.#state === "closed") return undefined;
      if (this.#state === "withdrawn" && cycle === this.#borrowed) return undefined;
      const lease = this.#reserve(cycle, peer, Date.now() - retryMs);
      if (lease === undefined) return undefined;
      if (await this.#open(lease.port)) return lease;
      lease.release();
    }
    return undefined;
  }

  /**
   * Every port has a lease for this client's address: the one that has gone unused for longest is
   * taken back. An address that hoards leases so takes them from nobody but itself.
   */
  async #takeBack(peer: string): Promise<PendingLease | undefined> {
    const { logger, safeSeconds = SAFE_SECONDS } = this.#options;
    let oldest: PendingLease | undefined;
    for (const peers of this.#leases.values()) {
      const lease = peers.get(peer);
      if (lease?.isUnused !== true) continue;
      if (oldest === undefined || lease.leasedMs < oldest.leasedMs) oldest = lease;
    }
    if (oldest === undefined || Date.now() - oldest.leasedMs < safeSeconds * 1000) return undefined;
    oldest.release();
    logger.log("info", "passiveLeaseTakenBack", { port: oldest.port, peer });
    const lease = this.#add(oldest.port, peer);
    if (await this.#open(lease.port)) return lease;
    lease.release();
    return undefined;
  }

  /** Takes the pair (port, peer) at once, so that nobody else gets it while the port opens. */
  #reserve(cycle: PortCycle, peer: string, triedBeforeMs: number): PendingLease | undefined {
    const port = cycle.take((candidate) => {
      const listener = this.#listeners.get(candidate);
      if (listener?.kind === "unavailable" && listener.triedMs > triedBeforeMs) return false;
      return this.#leases.get(candidate)?.has(peer) !== true;
    });
    return port === undefined ? undefined : this.#add(port, peer);
  }

  #add(port: number, peer: string): PendingLease {
    const lease = new PendingLease(port, peer, this.#onOver);
    const peers = this.#leases.get(port) ?? new Map<string, PendingLease>();
    this.#leases.set(port, peers.set(peer, lease));
    this.#pending++;
    return lease;
  }

  readonly #onOver = ({ port, peerAddress }: PendingLease): void => {
    const peers = this.#leases.get(port);
    peers?.delete(peerAddress);
    this.#pending--;
    if (peers?.size !== 0) return;
    this.#leases.delete(port);
    const listener = this.#listeners.get(port);
    if (listener?.kind === "open") listener.idleMs = Date.now();
    if (this.#state === "withdrawn" && this.#borrowedPorts.has(port)) this.#close(port);
  };

  #open(port: number): Promise<boolean> | boolean {
    const listener = this.#listeners.get(port);
    if (listener?.kind === "open") return true;
    if (listener?.kind === "opening") return listener.opened;
    const opened = this.#listen(port);
    this.#listeners.set(port, { kind: "opening", opened });
    return opened;
  }

  async #listen(port: number): Promise<boolean> {
    const { addresses, logger } = this.#options;
    try {
      const servers = await openPassiveListener({
        port,
        addresses,
        onConnection: (socket) => this.#onConnection(port, socket),
        onError: (error) =>
          logger.log("warn", "passiveListenerError", { port, reason: codeOf(error) }),
      });
      this.#listeners.set(port, { kind: "open", servers, idleMs: Date.now() });
      return this.#state !== "closed";
    } catch (error) {
      this.#listeners.set(port, { kind: "unavailable", triedMs: Date.now() });
      const reason = codeOf(error);
      // During an upgrade the other generation may well have it.
      const level = reason === "EADDRINUSE" && this.#borrowed.size > 0 ? "info" : "warn";
      logger.log(level, "passivePortUnavailable", { port, reason });
      return false;
    }
  }

  #close(port: number): void {
    const listener = this.#listeners.get(port);
    if (listener?.kind !== "open") return;
    for (const server of listener.servers) server.close();
    this.#listeners.delete(port);
  }

  #sweep(nowMs: number): void {
    const { leaseSeconds = LEASE_SECONDS, listenerSeconds = LISTENER_SECONDS } = this.#options;
    for (const lease of this.#allLeases()) {
      if (lease.isUnused && nowMs - lease.leasedMs >= leaseSeconds * 1000) lease.release();
    }
    for (const [port, listener] of this.#listeners) {
      if (listener.kind !== "open" || this.#leases.has(port)) continue;
      if (nowMs - listener.idleMs >= listenerSeconds * 1000) this.#close(port);
    }
  }

  #allLeases(): readonly PendingLease[] {
    return [...this.#leases.values()].flatMap((peers) => [...peers.values()]);
  }

  #onConnection(port: number, socket: Socket): void {
    const leases = this.#leases.get(port);
    if (socket.remoteAddress === undefined) {
      // Reset already, and its peer forgotten.
      for (const lease of leases?.values() ?? []) lease.noticeReset();
      socket.destroy();
      return;
    }
    const peer = canonicalAddress(socket.remoteAddress);
    if (leases?.get(peer)?.offer(socket) === true) return;
    // A stranger, or a second connection: a reset costs the least and leaves nothing behind.
    socket.on("error", () => socket.destroy());
    socket.resetAndDestroy();
    this.#logStranger(port, peer);
  }

  /** A flood of strangers must not become a flood of lines. */
  #logStranger(port: number, peer: string): void {
    this.#strangers++;
    const nowMs = Date.now();
    if (nowMs - this.#strangersLoggedMs < STRANGERS_MILLISECONDS) return;
    this.#options.logger.log("info", "passiveStranger", { port, peer, count: this.#strangers });
    this.#strangersLoggedMs = nowMs;
    this.#strangers = 0;
  }
}

function portsOf(range: PortRange): number[] {
  return Array.from({ length: countPorts(range) }, (_, index) => range.first + index);
}
