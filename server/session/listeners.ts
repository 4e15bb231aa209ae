/** The listeners of clients and of health probes: opened, kept and closed as the settings ask. */
import type { Server, Socket } from "node:net";
import { controlPorts, LISTEN_BACKLOG, type Channel, type ServerSettings } from "#contract";
import { bindListener, codeOf, createListener } from "../data/bound-server.ts";
import type { ConnectionHandle } from "../data/connection-handle.ts";
import { planListenAddresses, type ListenAddress } from "../data/listen-addresses.ts";
import { acceptHandles } from "./arrival.ts";
import { NO_INHERITED_SOCKETS, type InheritedSockets } from "./inherited-sockets.ts";

/** How a control connection begins. */
export type ListenerMode = "clear" | "implicitTls";
/** What a connection is for. */
export type ListenerPurpose = ListenerMode | "health";

export interface ListenerPlan extends ListenAddress {
  readonly port: number;
  readonly purpose: ListenerPurpose;
}

/** Thrown when a port cannot be listened on; names what to change. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

const MODES = {
  control: "clear",
  implicitTls: "implicitTls",
} as const satisfies Record<Channel, ListenerMode>;

/** The listeners that the settings ask for. */
export function planListeners({ listen, sites }: ServerSettings): readonly ListenerPlan[] {
  const ports: readonly { port: number | undefined; purpose: ListenerPurpose }[] = [
    ...controlPorts(listen, sites).map(({ port, channel }) => ({ port, purpose: MODES[channel] })),
    { port: listen.healthProbePort, purpose: "health" },
  ];
  return planListenAddresses(listen.addresses).flatMap((address) =>
    ports.flatMap(({ port, purpose }) =>
      port === undefined ? [] : [{ ...address, port, purpose }],
    ),
  );
}

export interface ListenersOptions {
  readonly onConnection: (socket: Socket, purpose: ListenerPurpose) => void;
  /**
   * Gets connections instead, where this Node gives them out: for who hands them on. Sockets have not
   * been read then either.
   */
  readonly onHandle?: (handle: ConnectionHandle, purpose: ListenerPurpose) => void;
  /** Sockets that are listened on already. */
  readonly inherited?: InheritedSockets;
}

/** Listeners that are open for settings which are not in force yet. */
export interface PreparedListeners {
  /** Closes what is wanted no more. */
  commit(): void;
  /** Puts everything back as it was. */
  abandon(): Promise<void>;
}

interface Listener {
  readonly server: Server;
  readonly plan: ListenerPlan;
  /** May change while the listener stays. */
  purpose: ListenerPurpose;
}

export class Listeners implements AsyncDisposable {
  readonly #options: ListenersOptions;
  readonly #inherited: InheritedSockets;
  #open = new Map<string, Listener>();

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#inherited = options.inherited ?? NO_INHERITED_SOCKETS;
  }

  /** Whether clients are accepted by somebody else when these listeners close. */
  get outlived(): boolean {
    return this.#inherited.count > 0;
  }

  /**
   * Opens what `plans` has and is not open yet; `commit` then closes what it has no more. What
   * stands in the way of a new one (another wildcard address with its port) makes room first. When
   * one cannot be opened, everything stays as it was.
   *
   * @throws ListenError
   */
  async prepare(plans: readonly ListenerPlan[]): Promise<PreparedListeners> {
    const wanted = new Map(plans.map((plan) => [keyOf(plan), plan]));
    const opened = new Map<string, Listener>();
    const closed: Listener[] = [];
    const abandon = async (): Promise<void> => {
      for (const { server } of opened.values()) server.close();
      for (const { plan, purpose } of closed) {
        this.#open.set(keyOf(plan), await this.#listen({ ...plan, purpose }));
      }
    };
    try {
      this.#adopt(wanted, opened);
      for (const [key, plan] of wanted) {
        if (this.#open.has(key) || opened.has(key)) continue;
        opened.set(key, await this.#makeRoomAndListen(plan, wanted, closed));
      }
    } catch (error) {
      await abandon();
      throw error;
    }
    return { commit: () => this.#commit(wanted, opened), abandon };
  }

  /** What is handed on must not have been read. */
  get #pausesOnConnect(): boolean {
    return this.#options.onHandle !== undefined;
  }

  /** Stops accepting; connections go on. */
  [Symbol.asyncDispose](): Promise<void> {
    for (const { server } of this.#open.values()) server.close();
    this.#open.clear();
    return Promise.resolve();
  }

  #commit(wanted: ReadonlyMap<string, ListenerPlan>, opened: ReadonlyMap<string, Listener>): void {
    const next = new Map(opened);
    for (const [key, listener] of this.#open) {
      const plan = wanted.get(key);
      if (plan === undefined) {
        listener.server.close();
        continue;
      }
      listener.purpose = plan.purpose;
      next.set(key, listener);
    }
    this.#open = next;
  }

  /** Takes the inherited sockets into use; the first time only, since they are gone then. */
  #adopt(wanted: ReadonlyMap<string, ListenerPlan>, opened: Map<string, Listener>): void {
    const pauseOnConnect = this.#pausesOnConnect;
    for (const descriptor of this.#inherited.take()) {
      const server = createListener({ pauseOnConnect });
      const bound = adopt(server, descriptor);
      const entry =
        bound && [...wanted].find(([key, plan]) => !opened.has(key) && serves(bound, plan));
      if (entry === undefined) {
        server.close();
        const { address, port } = bound ?? {};
        this.#inherited.onUnused({ descriptor, address, port });
        continue;
      }
      const [key, plan] = entry;
      opened.set(key, this.#attach(server, plan));
    }
  }

  async #makeRoomAndListen(
    plan: ListenerPlan,
    wanted: ReadonlyMap<string, ListenerPlan>,
    closed: Listener[],
  ): Promise<Listener> {
    try {
      return await this.#listen(plan);
    } catch (error) {
      const inTheWay = [...this.#open].filter(
        ([key, listener]) => !wanted.has(key) && listener.plan.port === plan.port,
      );
      if (!(error instanceof ListenError) || codeOf(error.cause) !== "EADDRINUSE") throw error;
      if (inTheWay.length === 0) throw error;
      for (const [key, listener] of inTheWay) {
        listener.server.close();
        this.#open.delete(key);
        closed.push(listener);
      }
      return this.#listen(plan);
    }
  }

  async #listen(plan: ListenerPlan): Promise<Listener> {
    const { address, port, ipv6Only } = plan;
    const pauseOnConnect = this.#pausesOnConnect;
    try {
      return this.#attach(await bindListener({ address, port, ipv6Only, pauseOnConnect }), plan);
    } catch (error) {
      throw new ListenError(describe(codeOf(error), address, port), { cause: error });
    }
  }

  #attach(server: Server, plan: ListenerPlan): Listener {
    const listener: Listener = { server, plan, purpose: plan.purpose };
    const { onConnection, onHandle } = this.#options;
    server.on("connection", (socket) => onConnection(socket, listener.purpose));
    if (onHandle !== undefined) acceptHandles(server, (each) => onHandle(each, listener.purpose));
    server.on("error", ignore);
    return listener;
  }
}

interface BoundAddress {
  readonly address: string;
  readonly port: number;
}

/** Listens on a descriptor; undefined when it is no TCP socket. */
function adopt(server: Server, descriptor: number): BoundAddress | undefined {
  server.on("error", ignore);
  try {
    // With a descriptor Node reads the backlog from this place only, and would set 511 otherwise.
    server.listen({ fd: descriptor }, LISTEN_BACKLOG);
    const bound = server.address();
    return bound !== null && typeof bound === "object" ? bound : undefined;
  } catch {
    // What is no socket at all is not for us either.
    return undefined;
  }
}

/** Whether a socket is what a plan asks for; without IPv6, 0.0.0.0 is all that `::` can mean. */
function serves(bound: BoundAddress, { address, port, ipv6Only }: ListenerPlan): boolean {
  if (bound.port !== port) return false;
  return (
    bound.address === address || (address === "::" && !ipv6Only && bound.address === "0.0.0.0")
  );
}

function keyOf({ address, port, ipv6Only }: ListenerPlan): string {
  return `${address} ${String(port)} ${String(ipv6Only)}`;
}

function describe(code: string, address: string, port: number): string {
  const where = `listen: port ${String(port)} of ${address}`;
  switch (code) {
    case "EADDRINUSE":
      return `${where} is in use; stop the other program or choose another port.`;
    case "EACCES":
      return `${where} needs privileges; choose a port above 1023 or grant CAP_NET_BIND_SERVICE.`;
    case "EADDRNOTAVAIL":
      return `${where} cannot be used: this machine does not have the address; correct listen.addresses.`;
  }
  return `${where} cannot be listened on (${code}); choose another one.`;
}

/** Accepting fails while descriptors are short; the listener goes on by itself. */
function ignore(): void {
  return;
}
