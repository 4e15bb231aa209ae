/**
 * Passive ports over listeners that stay open: a port is leased to several clients at once, one
 * lease for each address.
 */
import type { Socket } from "node:net";
import type { PortRange } from "#contract";
import type { Logger } from "../logging/logger.ts";
import { canonicalAddress } from "../protocol/addresses.ts";
import { Neighbour, type NeighbourState } from "./neighbour.ts";
import { lastingPorts, PassiveListeners } from "./passive-listeners.ts";
import {
  NoPassivePortError,
  type LeaseRequest,
  type PassiveLease,
  type PassivePorts,
} from "./passive-ports.ts";
import { PendingLease } from "./pending-lease.ts";
import { PortCycle } from "./port-cycle.ts";
import { portsOf } from "./port-slices.ts";

export interface SharedPassivePortsOptions {
  /** The slices of the passive range that this process prefers; no other one prefers them. */
  readonly ranges: readonly PortRange[];
  /** Slices that a process of the other generation prefers. */
  readonly borrowed?: readonly PortRange[];
  /** The other generation; without one nobody else has any of the ports. */
  readonly neighbour?: Neighbour;
  /** Local addresses, as in the settings; `::` covers IPv4 too. */
  readonly addresses: readonly string[];
  readonly logger: Logger;
  /** How long a port that cannot be bound is left alone while there are others. */
  readonly retrySeconds?: number;
  /** How long a lease waits for its transfer command, unless its request says. */
  readonly leaseSeconds?: number;
  /** How long a lease is safe from being taken back for somebody else of its address. */
  readonly safeSeconds?: number;
  /** How long a listener without leases stays open. */
  readonly listenerSeconds?: number;
  /** How long a client waits for a port while none is free. */
  readonly patienceMilliseconds?: number;
}

const RETRY_SECONDS = 30;
/** The same when every other port is taken. */
const URGENT_RETRY_MILLISECONDS = 1000;
const LEASE_SECONDS = 60;
/** Clients that mean to use a lease do so within a few round trips. */
const SAFE_SECONDS = 5;
const LISTENER_SECONDS = 60;
const PATIENCE_MILLISECONDS = 1500;
/** Between two looks for a port while none is free. */
const LOOK_MILLISECONDS = 100;
const SWEEP_MILLISECONDS = 5000;
/** Strangers are logged this often at most, with their number. */
const STRANGERS_MILLISECONDS = 1000;

export class SharedPassivePorts implements PassivePorts {
  readonly #options: SharedPassivePortsOptions;
  readonly #neighbour: Neighbour;
  readonly #watch: Disposable;
  readonly #own: PortCycle;
  readonly #borrowed: PortCycle;
  /** Both, for when nobody else prefers any of them. */
  readonly #all: PortCycle;
  readonly #borrowedPorts: ReadonlySet<number>;
  readonly #listeners: PassiveListeners;
  /** Pending leases by port and canonical address of the peer. */
  readonly #leases = new Map<number, Map<string, PendingLease>>();
  readonly #sweeper: NodeJS.Timeout;
  /** Those who wait for a lease. */
  readonly #waiting: (() => void)[] = [];
  #pending = 0;
  #strangers = 0;
  #strangersLoggedMs = 0;
  #state: "open" | "withdrawn" | "closed" = "open";

  constructor(options: SharedPassivePortsOptions) {
    this.#options = options;
    const { ranges, addresses, logger } = options;
    const own = ranges.flatMap(portsOf);
    const borrowed = (options.borrowed ?? []).flatMap(portsOf);
    this.#neighbour = options.neighbour ?? new Neighbour("absent");
    const edges = lastingPorts([...ranges, ...(options.borrowed ?? [])]);
    this.#own = new PortCycle(own, edges);
    this.#borrowed = new PortCycle(borrowed, edges);
    this.#all = new PortCycle([...own, ...borrowed], edges);
    this.#borrowedPorts = new Set(borrowed);
    this.#listeners = new PassiveListeners({
      addresses,
      logger,
      lasting: edges,
      shared: borrowed.length > 0,
      onConnection: (port, socket) => this.#onConnection(port, socket),
      onOpen: (port) => this.#giveUp(port),
    });
    this.#watch = this.#neighbour.watch(() => this.#giveUpAll());
    this.#sweeper = setInterval(() => this.#sweep(Date.now()), SWEEP_MILLISECONDS);
    this.#sweeper.unref();
  }

  async lease({ peerAddress, seconds }: LeaseRequest): Promise<PassiveLease> {
    const { retrySeconds = RETRY_SECONDS, leaseSeconds = LEASE_SECONDS } = this.#options;
    const { patienceMilliseconds = PATIENCE_MILLISECONDS } = this.#options;
    const asked = { peer: canonicalAddress(peerAddress), seconds: seconds ?? leaseSeconds };
    const untilMs = Date.now() + patienceMilliseconds;
    const first =
      (await this.#leaseFromAny(asked, retrySeconds * 1000)) ??
      (await this.#leaseFromAny(asked, URGENT_RETRY_MILLISECONDS)) ??
      (await this.#takeBack(asked));
    if (first !== undefined) return first;
    // Leases are short, and another process may be about to let go of a port.
    while (Date.now() < untilMs && this.#state !== "closed") {
      await this.#nextChance();
      const lease = await this.#leaseFromAny(asked, LOOK_MILLISECONDS / 2);
      if (lease !== undefined) return lease;
    }
    throw new NoPassivePortError("every passive port is taken or cannot be opened");
  }

  withdraw(): void {
    if (this.#state === "open") this.#state = "withdrawn";
    this.#giveUpAll();
  }

  usage(): { readonly ports: number; readonly listening: number; readonly pending: number } {
    const { size } = this.#standing === "absent" ? this.#all : this.#own;
    return { ports: size, listening: this.#listeners.count, pending: this.#pending };
  }

  /** Stops listening. Connections that were accepted live on with their owners. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    this.#watch[Symbol.dispose]();
    clearInterval(this.#sweeper);
    for (const lease of this.#allLeases()) lease.release();
    await this.#listeners[Symbol.asyncDispose]();
  }

  /** Who leaves has a successor, even if it shows later. */
  get #standing(): NeighbourState {
    return this.#state === "open" ? this.#neighbour.state : "successor";
  }

  /** Where to look for a port, the preferred ones first. */
  #cycles(): readonly PortCycle[] {
    switch (this.#standing) {
      case "absent":
        return [this.#all];
      case "predecessor":
        return [this.#own, this.#borrowed];
      case "successor":
        return [this.#own];
    }
  }

  /** Resolves when a lease has ended, or when it is time to ask the kernel again. */
  async #nextChance(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const timer = setTimeout(resolve, LOOK_MILLISECONDS);
    await promise;
    clearTimeout(timer);
  }

  /** A port that turns out to be taken costs another turn; each is tried once at most. */
  async #leaseFromAny(asked: Asked, retryMs: number): Promise<PendingLease | undefined> {
    for (const cycle of this.#cycles()) {
      for (let tried = 0; tried < cycle.size; tried++) {
        // What has changed meanwhile is for the next look.
        if (this.#state === "closed" || !this.#cycles().includes(cycle)) break;
        const lease = this.#reserve(cycle, asked, Date.now() - retryMs);
        if (lease === undefined) break;
        if (await this.#listeners.open(lease.port)) return lease;
        lease.release();
      }
    }
    return undefined;
  }

  /**
   * Every port has a lease for this client's address: the one that has gone unused for longest is
   * taken back. An address that hoards leases so takes them from nobody but itself.
   */
  async #takeBack(asked: Asked): Promise<PendingLease | undefined> {
    const { peer } = asked;
    const { logger, safeSeconds = SAFE_SECONDS } = this.#options;
    let oldest: PendingLease | undefined;
    for (const [port, peers] of this.#leases) {
      const lease = peers.get(peer);
      if (lease?.isUnused !== true || this.#isGivenUp(port)) continue;
      if (oldest === undefined || lease.leasedMs < oldest.leasedMs) oldest = lease;
    }
    if (oldest === undefined || Date.now() - oldest.leasedMs < safeSeconds * 1000) return undefined;
    oldest.release();
    logger.log("info", "passiveLeaseTakenBack", { port: oldest.port, peer });
    const lease = this.#add(oldest.port, asked);
    if (await this.#listeners.open(lease.port)) return lease;
    lease.release();
    return undefined;
  }

  /** Takes the pair (port, peer) at once, so that nobody else gets it while the port opens. */
  #reserve(cycle: PortCycle, asked: Asked, triedBeforeMs: number): PendingLease | undefined {
    const isFree = (port: number): boolean => this.#leases.get(port)?.has(asked.peer) !== true;
    const port =
      (this.#standing === "absent" ? this.#listeners.takeOpen(isFree, triedBeforeMs) : undefined) ??
      cycle.take((other) => !this.#listeners.wasUnavailable(other, triedBeforeMs) && isFree(other));
    return port === undefined ? undefined : this.#add(port, asked);
  }

  #add(port: number, { peer, seconds }: Asked): PendingLease {
    const lease = new PendingLease(port, peer, seconds, {
      onHeld: () => this.#giveUp(port),
      onOver: this.#onOver,
    });
    const peers = this.#leases.get(port) ?? new Map<string, PendingLease>();
    this.#leases.set(port, peers.set(peer, lease));
    this.#pending++;
    return lease;
  }

  readonly #onOver = ({ port, peerAddress }: PendingLease): void => {
    const peers = this.#leases.get(port);
    peers?.delete(peerAddress);
    this.#pending--;
    if (peers?.size === 0) {
      this.#leases.delete(port);
      this.#listeners.idle(port, Date.now());
    }
    this.#giveUp(port);
    for (const wake of this.#waiting.splice(0)) wake();
  };

  /** Whether the port is our neighbour's, so that we listen there no longer than we must. */
  #isGivenUp(port: number): boolean {
    return this.#standing !== "absent" && this.#borrowedPorts.has(port);
  }

  /** Closes the port if it is our neighbour's and no client is still to connect to it. */
  #giveUp(port: number): void {
    if (!this.#isGivenUp(port)) return;
    for (const lease of this.#leases.get(port)?.values() ?? []) if (lease.isExpecting) return;
    this.#listeners.close(port);
  }

  #giveUpAll(): void {
    for (const port of this.#borrowedPorts) this.#giveUp(port);
  }

  #sweep(nowMs: number): void {
    const { listenerSeconds = LISTENER_SECONDS } = this.#options;
    for (const lease of this.#allLeases()) {
      if (lease.isUnused && nowMs >= lease.untilMs) lease.release();
    }
    this.#listeners.closeIdle(nowMs - listenerSeconds * 1000, (port) => this.#leases.has(port));
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

/** Who asks for a lease. */
interface Asked {
  /** Canonical address. */
  readonly peer: string;
  /** How long the lease waits for its transfer. */
  readonly seconds: number;
}
