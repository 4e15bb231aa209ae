/**
 * Keeps session tickets away from uploads.
 *
 * A TLS 1.3 server sends its tickets after the handshake. A client that only uploads often never
 * reads them; when it closes, its kernel answers the unread bytes with RST, and whatever of the
 * upload is still under way is lost. So the upload channel must not send tickets, and must still
 * resume sessions that began on the control channel.
 */
import { duplexPair } from "node:stream";
import { connect, TLSSocket, type SecureContext } from "node:tls";
import { once } from "node:events";

/** How an upload channel is kept free of tickets. */
export type TicketGuard =
  /** OpenSSL's ticket-key callback declines to issue; sessions still resume. */
  | "keyCallback"
  /** Output after the handshake waits below TLS until the client has ended; slower. */
  | "heldOutput";

/** Session ticket keys as Node lays them out: 16 bytes of name, of HMAC key and of AES key. */
export const TICKET_KEYS_BYTES = 48;

type TicketKeyCallback = (
  name: Buffer,
  initializationVector: Buffer,
  encrypting: boolean,
) => readonly [number, Buffer, Buffer, ...Buffer[]];

/** Node's native context below a SecureContext, as far as this module uses it. Undocumented. */
interface NativeContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: TicketKeyCallback;
}

/** Answers of the callback to OpenSSL (SSL_CTX_set_tlsext_ticket_key_evp_cb). */
const DECLINE = 0;
const RESUME_WITHOUT_RENEWAL = 1;

/**
 * Makes a context decline to issue tickets while it still accepts those made with `ticketKeys`.
 * Returns false where this Node lacks the hook.
 */
export function declineTickets(context: SecureContext, ticketKeys: Buffer): boolean {
  const native = context.context as NativeContext | undefined;
  if (typeof native?.enableTicketKeyCallback !== "function") return false;
  const keyName = Buffer.from(ticketKeys.subarray(0, 16));
  const hmacKey = Buffer.from(ticketKeys.subarray(16, 32));
  const aesKey = Buffer.from(ticketKeys.subarray(32, 48));
  native.enableTicketKeyCallback();
  native.onticketkeycallback = (name, initializationVector, encrypting) =>
    encrypting
      ? [DECLINE, hmacKey, aesKey, keyName, initializationVector]
      : [keyName.equals(name) ? RESUME_WITHOUT_RENEWAL : DECLINE, hmacKey, aesKey];
  return true;
}

/**
 * Proves by handshakes in memory that `upload` sends no ticket over TLS 1.3, neither on a full
 * handshake nor on one that resumes, and that it does resume a session of `control`. False when
 * any of it does not hold.
 */
export async function provesTicketless(
  control: SecureContext,
  upload: SecureContext,
): Promise<boolean> {
  try {
    const begun = await handshakeInMemory(control, undefined);
    const full = await handshakeInMemory(upload, undefined);
    const resumed = await handshakeInMemory(upload, begun.ticket);
    return (
      begun.ticket !== undefined &&
      full.ticket === undefined &&
      resumed.ticket === undefined &&
      resumed.reused
    );
  } catch {
    // A handshake that fails is an answer too: the hook does not do here what it should.
    return false;
  }
}

/** One TLS 1.3 handshake and one byte, after which every ticket has arrived. */
async function handshakeInMemory(
  secureContext: SecureContext,
  session: Buffer | undefined,
): Promise<{ readonly ticket: Buffer | undefined; readonly reused: boolean }> {
  const [clientSide, serverSide] = duplexPair();
  const server = new TLSSocket(serverSide, { isServer: true, secureContext });
  const client = connect({
    socket: clientSide,
    minVersion: "TLSv1.3",
    // Both ends are this process; who the certificate names is not the question here.
    rejectUnauthorized: false,
    ...(session === undefined ? {} : { session }),
  });
  let ticket: Buffer | undefined;
  client.on("session", (received: Buffer) => (ticket = received));
  try {
    const failed = once(server, "close").then(() => {
      throw new Error("closed during the handshake");
    });
    const arrived = once(client, "data");
    server.on("error", () => client.destroy());
    server.write("x");
    await Promise.race([arrived, failed]);
    return { ticket, reused: server.isSessionReused() };
  } finally {
    client.destroy();
    server.destroy();
  }
}
