/** Active data connections: from the server to the client (PORT, EPRT). */
import { connect, type Socket } from "node:net";
import type { Endpoint } from "../protocol/addresses.ts";

export interface ActiveConnectionOptions {
  /** Local address of the control connection; the data connection comes from the same. */
  readonly localAddress: string;
  /** The source port that client firewalls expect: the one below the control port. */
  readonly localPort: number;
  readonly signal: AbortSignal;
}

/**
 * Connects to where the client listens; whether that is allowed was checked before.
 *
 * Connections to different targets share the source port (libuv binds with SO_REUSEADDR). Where it
 * cannot be had, because another connection or its TIME_WAIT holds the same pair of endpoints, an
 * ephemeral port takes its place (RFC 959 leaves that to the server, 3.2); a firewall that insists
 * on the data port then ends the attempt by the signal's time-out.
 *
 * Rejects with the signal's reason or the error of the socket.
 */
export async function connectActive(
  target: Endpoint,
  options: ActiveConnectionOptions,
): Promise<Socket> {
  try {
    return await connectFrom(options.localPort, target, options);
  } catch (error) {
    if (options.signal.aborted || !isPortTaken(error)) throw error;
    return await connectFrom(0, target, options);
  }
}

function connectFrom(
  localPort: number,
  { address, port }: Endpoint,
  { localAddress, signal }: ActiveConnectionOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const socket = connect({
      host: address,
      port,
      localAddress,
      localPort,
      allowHalfOpen: true,
      noDelay: true,
    });
    const settle = (error: Error | undefined): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("connect", onConnect);
      socket.off("error", settle);
      if (error === undefined) {
        resolve(socket);
      } else {
        socket.on("error", () => undefined);
        socket.destroy();
        reject(error);
      }
    };
    const onConnect = (): void => settle(undefined);
    const onAbort = (): void => settle(reasonOf(signal));
    socket.once("connect", onConnect);
    socket.once("error", settle);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function isPortTaken(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "EADDRINUSE" || error.code === "EADDRNOTAVAIL")
  );
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
