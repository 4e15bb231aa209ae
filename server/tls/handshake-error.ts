/** How a TLS handshake fails. */
export type TlsHandshakeErrorKind =
  /** The signal aborted: a time-out, or the session ended. */
  | "aborted"
  /** The client went away before the handshake was done. */
  | "connectionLost"
  /** What the client sent is not an acceptable handshake; the cause holds OpenSSL's reason. */
  | "refused"
  /** The handshake succeeded without resuming a session, which was required. */
  | "sessionNotReused";

/** Thrown when a handshake does not succeed. The socket is closed by then. */
export class TlsHandshakeError extends Error {
  override readonly name = "TlsHandshakeError";
  readonly kind: TlsHandshakeErrorKind;

  constructor(kind: TlsHandshakeErrorKind, options?: ErrorOptions) {
    super(kind, options);
    this.kind = kind;
  }
}
