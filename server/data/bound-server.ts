/** Listening on an address, for clients and for their data connections alike. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { LISTEN_BACKLOG } from "#contract";
import type { ListenAddress } from "./listen-addresses.ts";

export interface AcceptOptions {
  /** Whether connections wait until somebody reads from them. */
  readonly pauseOnConnect: boolean;
}

export interface BindOptions extends ListenAddress, AcceptOptions {
  readonly port: number;
}

/** A server that does not listen yet. Its clients may close their side and still be answered. */
export function createListener({ pauseOnConnect }: AcceptOptions): Server {
  return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect });
}

/** What a machine without IPv6 says to `::`, by how it is without. */
const NO_IPV6: ReadonlySet<string> = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

/** Listens. @throws the system's error; nothing is left open. */
export async function bindListener(options: BindOptions): Promise<Server> {
  const { port, address: host, ipv6Only, pauseOnConnect } = options;
  const server = createListener({ pauseOnConnect });
  try {
    server.listen({ port, host, ipv6Only, backlog: LISTEN_BACKLOG, exclusive: true });
    await once(server, "listening");
    return server;
  } catch (error) {
    // What `::` would have covered of IPv4 is 0.0.0.0.
    const withoutIpv6 = host === "::" && !ipv6Only && NO_IPV6.has(codeOf(error));
    if (!withoutIpv6) throw error;
    return bindListener({ ...options, address: "0.0.0.0" });
  }
}

/** The system's name of an error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
