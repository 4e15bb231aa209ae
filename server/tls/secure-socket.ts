/** The server's side of a TLS handshake on a connection that exists already. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { TlsChannel } from "./contexts.ts";
import { TlsHandshakeError } from "./handshake-error.ts";
import { readClientCertificate, type ClientCertificate } from "./client-certificate.ts";
import { HeldOutput } from "./held-output.ts";
import { leaveTls, RecordGate } from "./record-gate.ts";

export { TlsHandshakeError } from "./handshake-error.ts";

export interface SecureSocketOptions {
  /** Ends the handshake, for example `AbortSignal.timeout(…)` joined with the session's. */
  readonly signal: AbortSignal;
  /** Refuses a client that does not resume a TLS session of this server (RFC 4217, 10.2). */
  readonly requireSessionReuse?: boolean;
  /** Carries TLS instead of the socket itself, which it reads and writes. */
  readonly below?: RecordGate | undefined;
}

/** A control connection under TLS. */
export interface SecuredControl {
  readonly socket: TLSSocket;
  /** What the client has shown, where it was asked for one. */
  readonly certificate: ClientCertificate | undefined;
  /** Ends TLS and goes on in the clear (see `leaveTls`); undefined where the policy has no CCC. */
  readonly leave: ((signal: AbortSignal) => Promise<Socket>) | undefined;
}

/** Likewise for a control connection, as its channel asks for it. @throws TlsHandshakeError */
export async function secureControlSocket(
  socket: Socket,
  channel: TlsChannel,
  signal: AbortSignal,
): Promise<SecuredControl> {
  const { requestsCertificate, clearable } = await channel.current();
  const gate = clearable ? new RecordGate(socket) : undefined;
  const secured = await secureServerSocket(socket, channel, { signal, below: gate });
  return {
    socket: secured,
    certificate: requestsCertificate ? readClientCertificate(secured) : undefined,
    leave: gate === undefined ? undefined : (until) => leaveTls(secured, gate, until),
  };
}

/**
 * Performs the server's side of a handshake on `socket` and takes ownership of it: it is closed
 * with the returned socket, and when this rejects.
 *
 * Bytes that `socket` has already read and buffered are taken for the beginning of the handshake.
 * On a control connection they may be commands that were sent in the clear behind AUTH TLS, and
 * only the session can tell: it discards what follows the line (RFC 3207, 4.2 has the reasons), or
 * unshifts what it took beyond it.
 *
 * @throws TlsHandshakeError
 */
export async function secureServerSocket(
  socket: Socket,
  channel: TlsChannel,
  { signal, requireSessionReuse = false, below: gate }: SecureSocketOptions,
): Promise<TLSSocket> {
  // Until TLS listens, an error of the socket must not go unheard, nor end the process.
  let early: Error | undefined;
  const onEarlyError = (error: Error): void => void (early = error);
  socket.on("error", onEarlyError);
  try {
    const { secureContext, holdsOutput, requestsCertificate, sessions } = await channel.current();
    if (signal.aborted) throw new TlsHandshakeError("aborted", { cause: signal.reason });
    if (socket.destroyed) throw new TlsHandshakeError("connectionLost", { cause: early });
    const below = gate ?? (holdsOutput ? new HeldOutput(socket) : socket);
    const secured = new TLSSocket(below, {
      isServer: true,
      secureContext,
      ...(sessions === undefined ? {} : { server: sessions.server }),
      // What a certificate is good for is decided at the login, with a reply that says so.
      ...(requestsCertificate ? { requestCert: true, rejectUnauthorized: false } : {}),
    });
    // Before any other listener: the tickets are written in the same turn as this event.
    if (below instanceof HeldOutput) secured.once("secure", () => below.hold());
    await handshake(secured, signal);
    if (requireSessionReuse && !secured.isSessionReused()) {
      secured.destroy();
      throw new TlsHandshakeError("sessionNotReused");
    }
    return secured;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    socket.off("error", onEarlyError);
  }
}

function handshake(secured: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: TlsHandshakeError | undefined): void => {
      clearImmediate(leaving);
      secured.off("secure", onSecure);
      secured.off("end", onLost);
      secured.off("close", onLost);
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) {
        secured.off("error", onError);
        secured.on(TLS_ERROR, destroyOnError);
        resolve();
      } else {
        // The listener for errors stays: a socket that is being destroyed may still emit some.
        secured.destroy();
        reject(error);
      }
    };
    let leaving: NodeJS.Immediate | undefined;
    // This event comes from within OpenSSL's state machine. What the caller does next (writing,
    // closing) would enter it a second time and can crash the process, so the turn ends first.
    // A client with nothing to say may leave within that turn; the handshake was done all the same.
    const onSecure = (): void => {
      secured.off("end", onLost);
      secured.off("close", onLost);
      leaving = setImmediate(() => settle(undefined));
    };
    const onLost = (): void => settle(new TlsHandshakeError("connectionLost"));
    const onAbort = (): void => settle(new TlsHandshakeError("aborted", { cause: signal.reason }));
    const onError = (cause: Error): void =>
      settle(new TlsHandshakeError(isLoss(cause) ? "connectionLost" : "refused", { cause }));
    secured.once("secure", onSecure);
    secured.once("end", onLost);
    secured.once("close", onLost);
    secured.on("error", onError);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * Node reports a TLS error after the handshake (a forged record, say) on a socket without a
 * `tls.Server` by this undocumented event only; unheard, the stream would look as if the peer had
 * ended it in good order. `secure-socket.test.ts` fails should Node change that.
 */
const TLS_ERROR = "_tlsError";

/** A listener without a closure: one that had it would keep all of the handshake. */
function destroyOnError(this: TLSSocket, cause: Error): void {
  this.destroy(cause);
}

function isLoss(error: Error): boolean {
  return "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}
