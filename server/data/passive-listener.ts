/** Listening on one passive port, on every address of the settings. */
import { createServer, type Server, type Socket } from "node:net";
import { planListenAddresses, type ListenAddress } from "./listen-addresses.ts";

export interface PassiveListenerOptions {
  readonly port: number;
  /** Local addresses, as in the settings; `::` covers IPv4 too, unless 0.0.0.0 is there as well. */
  readonly addresses: readonly string[];
  readonly onConnection: (socket: Socket) => void;
  /** Errors of a listener that is open concern single connections (EMFILE, ECONNABORTED). */
  readonly onError: (error: Error) => void;
}

/** Connections that the kernel completes before this process takes them. */
const BACKLOG = 511;

/** Listens, or rejects with the system's error and leaves nothing open. */
export async function openPassiveListener(
  options: PassiveListenerOptions,
): Promise<readonly Server[]> {
  const servers: Server[] = [];
  try {
    for (const address of planListenAddresses(options.addresses)) {
      servers.push(await bind(options, address));
    }
    return servers;
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
}

async function bind(
  options: PassiveListenerOptions,
  { address, ipv6Only }: ListenAddress,
): Promise<Server> {
  try {
    return await bindTo(options, address, ipv6Only);
  } catch (error) {
    // A machine without IPv6 has no `::`; what it would have covered of IPv4 is 0.0.0.0.
    const withoutIpv6 = ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(codeOf(error));
    if (address !== "::" || !withoutIpv6 || ipv6Only) throw error;
    return await bindTo(options, "0.0.0.0", false);
  }
}

function bindTo(
  { port, onConnection, onError }: PassiveListenerOptions,
  host: string,
  ipv6Only: boolean,
): Promise<Server> {
  // Half open, because a client may end its side of a download at once; paused, so that no byte
  // is read before the transfer decides how.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, ipv6Only, backlog: BACKLOG, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", onError);
      server.on("connection", onConnection);
      resolve(server);
    });
  });
}

/** The system's name of an error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
