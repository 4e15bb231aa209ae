/**
 * The listeners of passive ports, by port. They stay open for the transfers that follow. Ports are
 * bound, never probed: one that another process holds is left out and tried again later.
 */
import type { Server, Socket } from "node:net";
import { countPorts, type PortRange } from "#contract";
import type { Logger } from "../logging/logger.ts";
import { codeOf } from "./bound-server.ts";
import { openPassiveListener } from "./passive-listener.ts";
import { PortCycle } from "./port-cycle.ts";

export interface PassiveListenersOptions {
  /** Local addresses, as in the settings; `::` covers IPv4 too. */
  readonly addresses: readonly string[];
  readonly onConnection: (port: number, socket: Socket) => void;
  /** Ports whose listeners stay open without leases. */
  readonly lasting: ReadonlySet<number>;
  /** Told of every listener that has come to be. */
  readonly onOpen: (port: number) => void;
  /** Whether another process may rightly have some of the ports. */
  readonly shared: boolean;
  readonly logger: Logger;
}

type Listener =
  | { readonly kind: "opening"; readonly opened: Promise<boolean> }
  /** `idleMs`: since when no lease has been here. */
  | { readonly kind: "open"; readonly servers: readonly Server[]; idleMs: number }
  | { readonly kind: "unavailable"; readonly triedMs: number };

/**
 * With so many listeners, a port that has one goes before one that has none: opening a listener costs
 * more than a small transfer. There are still enough for nobody to tell the next port.
 */
const ENOUGH_OPEN = 64;

/**
 * Ports that are to be opened before others, and to stay open, where not all of them are: by the
 * edges a probe from outside tells that a range is narrower than it should be.
 */
export function lastingPorts(ranges: readonly PortRange[]): ReadonlySet<number> {
  const ports = ranges.reduce((sum, range) => sum + countPorts(range), 0);
  return new Set(ports > ENOUGH_OPEN ? ranges.flatMap(({ first, last }) => [first, last]) : []);
}

export class PassiveListeners implements AsyncDisposable {
  readonly #options: PassiveListenersOptions;
  readonly #listeners = new Map<number, Listener>();
  /** Those that are open. */
  readonly #open = new PortCycle([]);
  #closed = false;

  constructor(options: PassiveListenersOptions) {
    this.#options = options;
  }

  /** Ports with an open listener. */
  get count(): number {
    return this.#open.size;
  }

  /** Whether the port could not be opened at or after that time. */
  wasUnavailable(port: number, sinceMs: number): boolean {
    const listener = this.#listeners.get(port);
    return listener?.kind === "unavailable" && listener.triedMs > sinceMs;
  }

  /**
   * A port that is open already; undefined while there are few, or when none of them fits. One that
   * is to stay open and is not yet goes before them, unless it was tried at or after `triedBeforeMs`.
   */
  takeOpen(fits: (port: number) => boolean, triedBeforeMs: number): number | undefined {
    if (this.#open.size < ENOUGH_OPEN) return undefined;
    for (const port of this.#options.lasting) {
      const kind = this.#listeners.get(port)?.kind ?? "closed";
      const isDue = kind === "closed" || kind === "unavailable";
      if (isDue && !this.wasUnavailable(port, triedBeforeMs) && fits(port)) return port;
    }
    return this.#open.take(fits);
  }

  /** Listens on the port unless it does already; false when it cannot. */
  open(port: number): Promise<boolean> | boolean {
    const listener = this.#listeners.get(port);
    if (listener?.kind === "open") return true;
    if (listener?.kind === "opening") return listener.opened;
    const opened = this.#listen(port);
    this.#listeners.set(port, { kind: "opening", opened });
    return opened;
  }

  /** Connections that were accepted live on with their owners. */
  close(port: number): void {
    const listener = this.#listeners.get(port);
    if (listener?.kind !== "open") return;
    for (const server of listener.servers) server.close();
    this.#listeners.delete(port);
    this.#open.remove(port);
  }

  /** From now on no lease is here. */
  idle(port: number, nowMs: number): void {
    const listener = this.#listeners.get(port);
    if (listener?.kind === "open") listener.idleMs = nowMs;
  }

  /** Closes those that have been without a lease since `beforeMs`. */
  closeIdle(beforeMs: number, isLeased: (port: number) => boolean): void {
    const { lasting } = this.#options;
    for (const [port, listener] of this.#listeners) {
      const mayClose = listener.kind === "open" && !lasting.has(port) && !isLeased(port);
      if (mayClose && listener.idleMs <= beforeMs) this.close(port);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const port of this.#listeners.keys()) this.close(port);
    await Promise.all(
      [...this.#listeners.values()].flatMap((listener) =>
        listener.kind === "opening" ? [listener.opened] : [],
      ),
    );
    for (const port of this.#listeners.keys()) this.close(port);
  }

  async #listen(port: number): Promise<boolean> {
    const { addresses, logger, onConnection, onOpen, shared } = this.#options;
    try {
      const servers = await openPassiveListener({
        port,
        addresses,
        onConnection: (socket) => onConnection(port, socket),
        onError: (error) =>
          logger.log("warn", "passiveListenerError", { port, reason: codeOf(error) }),
      });
      this.#listeners.set(port, { kind: "open", servers, idleMs: Date.now() });
      this.#open.add(port);
      onOpen(port);
      return !this.#closed;
    } catch (error) {
      const reason = codeOf(error);
      const taken = reason === "EADDRINUSE";
      this.#listeners.set(port, { kind: "unavailable", triedMs: Date.now() });
      // During an upgrade the other generation may well have it.
      const level = taken && shared ? "info" : "warn";
      logger.log(level, "passivePortUnavailable", { port, reason });
      return false;
    }
  }
}
