import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectActive } from "../../../server/data/active-connection.ts";
import { freePorts } from "../../support/free-ports.ts";

const never = new AbortController().signal;
let clients: Server[] = [];
let sockets: Socket[] = [];
let localPort: number;

beforeEach(async () => {
  [localPort = 0] = await freePorts("127.0.0.1", 1);
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const client of clients) client.close();
  clients = [];
  sockets = [];
});

/** A client that listens for its data connection. */
async function listen(): Promise<{ address: string; port: number; connected: Promise<Socket> }> {
  const client = createServer().listen(0, "127.0.0.1");
  clients.push(client);
  await once(client, "listening");
  const connected = once(client, "connection").then(([socket]: Socket[]) => {
    if (socket === undefined) throw new Error("no socket");
    sockets.push(socket);
    return socket;
  });
  return { address: "127.0.0.1", port: (client.address() as AddressInfo).port, connected };
}

const local = () => ({ localAddress: "127.0.0.1", localPort, signal: never });

test("comes from the data port and the control connection's address", async () => {
  const target = await listen();
  sockets.push(await connectActive(target, local()));
  const seen = await target.connected;
  expect(seen.remotePort).toBe(localPort);
  expect(seen.remoteAddress).toBe("127.0.0.1");
});

test("connections to several clients share the data port", async () => {
  const targets = [await listen(), await listen(), await listen()];
  for (const target of targets) sockets.push(await connectActive(target, local()));
  for (const { connected } of targets) expect((await connected).remotePort).toBe(localPort);
});

test("a pair of endpoints that exists already gets an ephemeral port", async () => {
  const target = await listen();
  sockets.push(await connectActive(target, local()));
  const second = await connectActive(target, local());
  sockets.push(second);
  expect(second.localPort).not.toBe(localPort);
});

test("a client that does not listen is an error", async () => {
  const [port = 0] = await freePorts("127.0.0.1", 1);
  await expect(connectActive({ address: "127.0.0.1", port }, local())).rejects.toMatchObject({
    code: "ECONNREFUSED",
  });
});

test("ends with its signal", async () => {
  const reason = new Error("took too long");
  await expect(
    connectActive(await listen(), { ...local(), signal: AbortSignal.abort(reason) }),
  ).rejects.toBe(reason);
});
