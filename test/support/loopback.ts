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

/** `count` consecutive ports that were free a moment ago. */
export async function findFreePorts(count: number): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port: first } = server.address() as AddressInfo;
    const others = Array.from({ length: count - 1 }, (_, index) => first + 1 + index);
    const servers = await Promise.all(others.map((port) => tryListen(port)));
    for (const opened of [server, ...servers]) opened?.close();
    if (!servers.includes(undefined)) return first;
  }
}

async function tryListen(port: number): Promise<ReturnType<typeof createServer> | undefined> {
  if (port > 65_535) return undefined;
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return server;
  } catch {
    // Somebody has it: that is the answer.
    return undefined;
  }
}
