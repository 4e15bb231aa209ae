import { once } from "node:events";
import { connect, createServer, Socket, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  acceptHandles,
  addressOf,
  closeArrival,
  socketOf,
  type Arrival,
} from "../../../server/session/arrival.ts";

let cleanup: DisposableStack;
beforeEach(() => {
  cleanup = new DisposableStack();
});
afterEach(() => cleanup.dispose());

/** A client, and what the server's side has of it. */
async function meet(as: "handle" | "socket"): Promise<{ client: Socket; arrival: Arrival }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  cleanup.defer(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const arrived = new Promise<Arrival>((resolve) => {
    server.on("connection", resolve);
    if (as === "handle") expect(acceptHandles(server, resolve)).toBe(true);
  });
  const { port } = server.address() as AddressInfo;
  const client = connect(port, "127.0.0.1");
  cleanup.defer(() => client.destroy());
  const arrival = await arrived;
  cleanup.defer(() => closeArrival(arrival));
  return { client, arrival };
}

it.each(["handle", "socket"] as const)("a %s has the client's address", async (as) => {
  const { arrival } = await meet(as);
  expect(arrival instanceof Socket).toBe(as === "socket");
  expect(addressOf(arrival)).toBe("127.0.0.1");
});

it.each(["handle", "socket"] as const)(
  "through a %s, a client that has ended its side is still answered",
  async (as) => {
    const { client, arrival } = await meet(as);
    const answer = text(client);
    client.end("question");
    const socket = socketOf(arrival);
    cleanup.defer(() => socket.destroy());
    expect(await text(socket)).toBe("question");
    socket.end("answer");
    expect(await answer).toBe("answer");
  },
);

it.each(["handle", "socket"] as const)("a %s is closed without a word", async (as) => {
  const { client, arrival } = await meet(as);
  closeArrival(arrival);
  expect(await text(client)).toBe("");
});

it("a client that is gone has no address", async () => {
  const { arrival } = await meet("handle");
  closeArrival(arrival);
  expect(addressOf(arrival)).toBe("");
});

it("a server that does not listen, as with another Node, has no handles to give", () => {
  expect(acceptHandles(createServer(), () => undefined)).toBe(false);
});
