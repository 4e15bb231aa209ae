import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import {
  expectNoAcknowledgement,
  stopAcknowledging,
} from "../../../server/processes/acknowledgements.ts";

const ACK = { cmd: "NODE_HANDLE_ACK" };
const NACK = { cmd: "NODE_HANDLE_NACK" };
const HANDLE = {};

/** The end of a channel that answers as Node's does. */
class Channel extends EventEmitter {
  readonly sent: unknown[] = [];
  _handleQueue: unknown = null;

  constructor() {
    super();
    this.on("internalMessage", ({ cmd }: { cmd: string }, handle: unknown) => {
      if (cmd === "NODE_HANDLE") this._send(handle === undefined ? NACK : ACK);
    });
  }

  _send(message: unknown): boolean {
    this.sent.push(message);
    return true;
  }

  receive(type: string, msg: string, handle?: object): void {
    this.emit("internalMessage", { cmd: "NODE_HANDLE", type, msg }, handle);
  }
}

function open(change: (channel: Channel) => void = () => undefined) {
  const channel = new Channel();
  change(channel);
  const lost: unknown[] = [];
  const stopped = stopAcknowledging(channel, (message) => lost.push(message));
  return { channel, lost, stopped };
}

it.runIf(process.platform === "linux")("handles are not acknowledged, sockets are", () => {
  const { channel, lost, stopped } = open();
  expect(stopped).toBe(true);
  channel.receive("net.Native", "first", HANDLE);
  expect(channel.sent).toEqual([]);
  channel.receive("net.Socket", "second", HANDLE);
  channel.receive("net.Socket", "third");
  channel._send("mail");
  expect(channel.sent).toEqual([ACK, NACK, "mail"]);
  expect(lost).toEqual([]);
});

it.runIf(process.platform === "linux")("mail goes out while handles come in", () => {
  const { channel } = open();
  channel.receive("net.Native", "first", HANDLE);
  channel._send("mail");
  expect(channel.sent).toEqual(["mail"]);
});

it.runIf(process.platform === "linux")("a message without its handle is told of", () => {
  const { channel, lost } = open();
  channel.receive("net.Native", "first", HANDLE);
  channel.receive("net.Native", "second");
  expect([channel.sent, lost]).toEqual([[], ["second"]]);
});

it.each([
  ["nothing waits", [], null],
  ["a message waits for a socket's", ["mail"], ["mail"]],
  ["there is no queue", undefined, undefined],
])("the next message goes at once where %s", (_what, queue, left) => {
  const channel = new Channel();
  channel._handleQueue = queue;
  expectNoAcknowledgement(channel);
  expect(channel._handleQueue).toEqual(left);
});

it.each([
  ["sends otherwise", (channel: Channel) => Object.assign(channel, { _send: undefined })],
  ["queues otherwise", (channel: Channel) => (channel._handleQueue = undefined)],
])("a Node that %s is left as it is", (_how, change) => {
  const { channel, stopped } = open(change);
  expect([stopped, channel.listenerCount("internalMessage")]).toEqual([false, 1]);
});
