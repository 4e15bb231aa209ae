/** TCP connections over loopback for tests. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { connect as connectTls, type SecureVersion, type TLSSocket } from "node:tls";
import type { TlsChannel } from "../../server/tls/contexts.ts";
import { secureServerSocket } from "../../server/tls/secure-socket.ts";

export interface ConnectedPair {
  readonly client: Socket;
  /** The accepted end, paused, as passive ports hand it out. */
  readonly accepted: Socket;
}

export async function connectPair(): Promise<ConnectedPair> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  client.on("error", () => undefined);
  const [accepted] = (await once(server, "connection")) as [Socket];
  server.close();
  return { client, accepted };
}

/** The same under TLS, as the server secures what `channel` is for. */
export async function connectSecurely(
  channel: TlsChannel,
  maxVersion?: SecureVersion,
): Promise<{ readonly client: TLSSocket; readonly server: TLSSocket }> {
  const { client: raw, accepted } = await connectPair();
  const client = connectTls({ socket: raw, rejectUnauthorized: false, maxVersion });
  client.on("error", () => undefined);
  const { signal } = new AbortController();
  return { client, server: await secureServerSocket(accepted, channel, { signal }) };
}
