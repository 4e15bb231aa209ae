/** The control listeners: opened, kept and closed as the settings ask for them. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { ServerSettings } from "#contract";

/** How a connection begins. */
export type ListenerMode = "clear" | "implicitTls";

export interface ListenerPlan {
  readonly address: string;
  readonly port: number;
  readonly mode: ListenerMode;
}

/** Thrown when a port cannot be listened on; names what to change. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** The listeners that the settings ask for. */
export function planListeners({ listen }: ServerSettings): readonly ListenerPlan[] {
  const ports: readonly { port: number; mode: ListenerMode }[] = [
    { port: listen.controlPort, mode: "clear" },
    ...(listen.implicitTlsPort === undefined
      ? []
      : [{ port: listen.implicitTlsPort, mode: "implicitTls" as const }]),
  ];
  return listen.addresses.flatMap((address) => ports.map((each) => ({ address, ...each })));
}

/** Connections that wait to be accepted, at most; the kernel has a bound of its own. */
const BACKLOG = 1024;

export class ControlListeners implements AsyncDisposable {
  readonly #onConnection: (socket: Socket, mode: ListenerMode) => void;
  readonly #open = new Map<string, Server>();

  constructor(onConnection: (socket: Socket, mode: ListenerMode) => void) {
    this.#onConnection = onConnection;
  }

  /**
   * Opens what `plans` has and is not open yet, then closes what it has no more. When one cannot
   * be opened, everything stays as it was.
   *
   * @throws ListenError
   */
  async listenOn(plans: readonly ListenerPlan[]): Promise<void> {
    const opened = new Map<string, Server>();
    try {
      for (const plan of plans) {
        const key = keyOf(plan);
        if (!this.#open.has(key) && !opened.has(key)) opened.set(key, await this.#listen(plan));
      }
    } catch (error) {
      for (const server of opened.values()) server.close();
      throw error;
    }
    const wanted = new Set(plans.map(keyOf));
    for (const [key, server] of this.#open) {
      if (wanted.has(key)) continue;
      server.close();
      this.#open.delete(key);
    }
    for (const [key, server] of opened) this.#open.set(key, server);
  }

  /** Stops accepting; sessions go on. */
  [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#open.values()) server.close();
    this.#open.clear();
    return Promise.resolve();
  }

  async #listen({ address, port, mode }: ListenerPlan): Promise<Server> {
    // Clients may close their side and still wait for replies.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#onConnection(socket, mode),
    );
    try {
      server.listen({ port, host: address, backlog: BACKLOG });
      await once(server, "listening");
    } catch (error) {
      // A machine without IPv6 still serves IPv4.
      if (address === "::" && codeOf(error) === "EAFNOSUPPORT") {
        return this.#listen({ address: "0.0.0.0", port, mode });
      }
      throw describeListenError(error, address, port);
    }
    server.on("error", ignore);
    return server;
  }
}

function keyOf({ address, port, mode }: ListenerPlan): string {
  return `${address} ${String(port)} ${mode}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** The error of a port that cannot be listened on, in words that lead to the fix. */
export function describeListenError(cause: unknown, address: string, port: number): ListenError {
  return new ListenError(describe(codeOf(cause), address, port), { cause });
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
