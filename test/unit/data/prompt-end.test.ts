import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { endPromptly } from "../../../server/data/prompt-end.ts";
import { systemCalls } from "../../../server/native/system-calls.ts";
import { connectPair } from "../../support/loopback.ts";

const native = systemCalls();

test.runIf(native)("sends the last bytes and the end in one go", async () => {
  const { client, accepted } = await connectPair();
  const received: Buffer[] = [];
  client.on("data", (chunk: Buffer) => received.push(chunk));
  const ended = once(client, "end");
  const end = endPromptly(accepted, Buffer.from("all of it"));
  expect(end.bytes).toBe(9);
  // Loopback acknowledges at once or a moment later.
  expect(["delivered", "sent"]).toContain(end.state);
  await ended;
  expect(Buffer.concat(received).toString()).toBe("all of it");
  accepted.destroy();
  client.destroy();
});

test.runIf(native)("ends a connection without a byte", async () => {
  const { client, accepted } = await connectPair();
  const ended = once(client.resume(), "end");
  expect(endPromptly(accepted, new Uint8Array()).bytes).toBe(0);
  await ended;
  accepted.destroy();
  client.destroy();
});

test.runIf(native)("never calls an end delivered that the client has refused", async () => {
  const { client, accepted } = await connectPair();
  client.resetAndDestroy();
  await pause(20);
  expect(endPromptly(accepted, Buffer.from("x"))).toEqual({ bytes: 0, state: "open" });
  accepted.on("error", () => undefined).destroy();
});

test("leaves alone what does not fit, and what has to wait behind something else", async () => {
  const { client, accepted } = await connectPair();
  client.pause();
  expect(endPromptly(accepted, new Uint8Array(1024 * 1024)).state).toBe("open");
  accepted.write(new Uint8Array(16 * 1024 * 1024));
  expect(accepted.writableLength).toBeGreaterThan(0);
  expect(endPromptly(accepted, Buffer.from("x"))).toEqual({ bytes: 0, state: "open" });
  accepted.on("error", () => undefined).destroy();
  client.destroy();
});
