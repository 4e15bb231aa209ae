/** TCP connections over loopback for tests. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

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
