/** Acknowledging what a client sends without the system's usual delay. */
import type { Socket } from "node:net";
import { systemCalls } from "../native/system-calls.ts";
import { descriptorOf } from "./socket-descriptor.ts";

/**
 * Has the system acknowledge an upload as it is read. After the questions and answers of a handshake
 * it would hold each acknowledgement back, to send it with an answer (RFC 1122, 4.2.3.2); there is
 * none before the file's end, and a client that sends small pieces holds the last one back until
 * then (RFC 896): each small file took 40 ms longer. Without the native library it still does.
 *
 * @param socket the connection itself, below TLS.
 */
export function acknowledgePromptly(socket: Socket): void {
  const descriptor = descriptorOf(socket);
  if (descriptor !== undefined) systemCalls()?.acknowledgeReads(descriptor);
}
