/**
 * Node hands a connection to another process and waits for a word that it has arrived before it sends
 * the next message, which wakes both processes once more for each client. On Linux the kernel loses
 * nothing on the way, so a connection that goes as a handle needs no such word. What Node does for it
 * is no part of its documented interface: where it is another, the two keep to what it does.
 */

import type { EventEmitter } from "node:events";

/** A process at one end of a channel, as far as it is known. */
interface ChannelEnd {
  _send?: ((message: InternalMessage, ...more: unknown[]) => unknown) | undefined;
  /** Null while nothing has to wait for an answer. */
  _handleQueue?: unknown;
}

/** What Node wraps around a message with a handle, and its answers to one. */
interface InternalMessage {
  readonly cmd?: unknown;
  readonly type?: unknown;
  readonly msg?: unknown;
}

const ANSWERS: ReadonlySet<unknown> = new Set(["NODE_HANDLE_ACK", "NODE_HANDLE_NACK"]);

/**
 * Ends the acknowledging of handles; of sockets it goes on.
 *
 * @param onLost gets messages whose handle did not arrive: this process had no descriptor for it.
 * @returns whether it has ended; the other side is to be told.
 */
export function stopAcknowledging(
  channel: EventEmitter,
  onLost: (message: unknown) => void,
): boolean {
  const end = channel as ChannelEnd;
  const send = end._send;
  if (process.platform !== "linux" || typeof send !== "function" || end._handleQueue !== null) {
    return false;
  }
  let isHandle = false;
  // Node's own listener answers, right after this one.
  channel.prependListener("internalMessage", (message: InternalMessage, handle: unknown) => {
    isHandle = message.cmd === "NODE_HANDLE" && message.type === "net.Native";
    if (isHandle && (handle === undefined || handle === null)) onLost(message.msg);
  });
  end._send = function (this: ChannelEnd, message, ...more) {
    if (isHandle && ANSWERS.has(message.cmd)) return true;
    return Reflect.apply(send, this, [message, ...more]);
  };
  return true;
}

/** Lets the next message go at once, where the other side has stopped acknowledging. */
export function expectNoAcknowledgement(channel: EventEmitter): void {
  const end = channel as ChannelEnd;
  // Not while something waits already: that is for a socket's.
  if (Array.isArray(end._handleQueue) && end._handleQueue.length === 0) end._handleQueue = null;
}
