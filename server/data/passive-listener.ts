/** Listening on one passive port, on every address of the settings. */
import type { Server, Socket } from "node:net";
import { bindListener } from "./bound-server.ts";
import { planListenAddresses, type ListenAddress } from "./listen-addresses.ts";

export interface PassiveListenerOptions {
  readonly port: number;
  /** Local addresses, as in the settings; `::` covers IPv4 too, unless 0.0.0.0 is there as well. */
  readonly addresses: readonly string[];
  readonly onConnection: (socket: Socket) => void;
  /** Errors of a listener that is open concern single connections (EMFILE, ECONNABORTED). */
  readonly onError: (error: Error) => void;
}

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
  { port, onConnection, onError }: PassiveListenerOptions,
  address: ListenAddress,
): Promise<Server> {
  // Paused, so that no byte is read before the transfer decides how.
  const server = await bindListener({ ...address, port, pauseOnConnect: true });
  server.on("error", onError);
  server.on("connection", onConnection);
  return server;
}
