import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { systemCalls } from "../../../server/native/system-calls.ts";

const calls = systemCalls();
const PATIENT = { timeout: 10_000, interval: 5 };

test.runIf(calls)("tells in the midst of a turn that something has happened", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(server, "connection")) as [Socket];
  accepted.resume();
  try {
    // The first byte proves that the kernel watches the connection.
    client.write("a");
    await once(accepted, "data");
    // Others in this process have their events, too.
    await vi.waitFor(() => expect(calls?.eventsWait()).toBe(false), PATIENT);
    client.write("x");
    expect(calls?.eventsWait()).toBe(true);
    await once(accepted, "data");
  } finally {
    client.destroy();
    server.close();
  }
});
