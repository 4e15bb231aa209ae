/**
 * The server name in a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), read before the handshake.
 *
 * OpenSSL decrypts session tickets before it asks which certificate a name wants, so all names on
 * one context share ticket keys, and a session of one site would resume on another. Whoever knows
 * the name first can give each site a context and keys of its own.
 */
import type { Socket } from "node:net";
import { TlsHandshakeError } from "./handshake-error.ts";

export type ClientHelloPart =
  /** More bytes are needed to tell. */
  | { readonly kind: "incomplete" }
  /** Complete, or no ClientHello at all: then OpenSSL says what is wrong with it. */
  | { readonly kind: "known"; readonly serverName: string | undefined };

const RECORD = { header: 5, handshake: 22 } as const;
const CLIENT_HELLO = 1;
const HANDSHAKE_HEADER = 4;
const EXTENSION_SERVER_NAME = 0;
const NAME_TYPE_HOST = 0;
/** Several times what clients send; whoever sends more gets the certificate for no name. */
const MOST_BYTES = 20 * 1024;

const UNKNOWN: ClientHelloPart = { kind: "known", serverName: undefined };
const INCOMPLETE: ClientHelloPart = { kind: "incomplete" };

/** Finds the server name in the first bytes of a connection. Never throws, whatever they are. */
export function readClientHello(bytes: Buffer): ClientHelloPart {
  const fragments: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== RECORD.handshake) return UNKNOWN;
    if (at + RECORD.header > bytes.length) break;
    const start = at + RECORD.header;
    const end = start + bytes.readUInt16BE(at + 3);
    if (end === start) return UNKNOWN;
    if (end > bytes.length) break;
    fragments.push(bytes.subarray(start, end));
    at = end;
  }
  const message = fragments.length === 1 ? fragments[0] : Buffer.concat(fragments);
  if (message !== undefined && message.length >= HANDSHAKE_HEADER) {
    if (message[0] !== CLIENT_HELLO) return UNKNOWN;
    const whole = HANDSHAKE_HEADER + message.readUIntBE(1, 3);
    if (message.length >= whole) {
      const body = new Reader(message.subarray(HANDSHAKE_HEADER, whole));
      return { kind: "known", serverName: findServerName(body) };
    }
  }
  return bytes.length > MOST_BYTES ? UNKNOWN : INCOMPLETE;
}

function findServerName(body: Reader): string | undefined {
  body.take(2 + 32); // version, random
  body.block(1); // session id
  body.block(2); // cipher suites
  body.block(1); // compression methods
  const extensions = body.block(2);
  while (extensions.left > 0) {
    const kind = extensions.number(2);
    const content = extensions.block(2);
    if (kind !== EXTENSION_SERVER_NAME) continue;
    const names = content.block(2);
    while (names.left > 0) {
      const type = names.number(1);
      const name = names.block(2).rest();
      if (type === NAME_TYPE_HOST) return HOST_NAME.test(name) ? name : undefined;
    }
  }
  return undefined;
}

/** What the name may consist of at most; the rest is nobody's name. */
const HOST_NAME = /^[A-Za-z0-9._-]{1,255}$/u;

/** Reads forward; beyond the end there is nothing but zeros and empty blocks. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at = Math.min(this.#bytes.length, this.#at + count);
    return taken;
  }

  number(size: number): number {
    const taken = this.take(size);
    return taken.length < size ? 0 : taken.readUIntBE(0, size);
  }

  /** A block with its length before it. */
  block(sizeOfLength: number): Reader {
    return new Reader(this.take(this.number(sizeOfLength)));
  }

  rest(): string {
    return this.take(this.left).toString("latin1");
  }
}

/**
 * Waits for the ClientHello on a socket that nobody reads, and puts it back for the handshake.
 *
 * @returns the server name in it, undefined when it has none.
 * @throws TlsHandshakeError when the client leaves or the signal aborts before; the socket is
 *   closed then.
 */
export function awaitServerName(socket: Socket, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      socket.off("readable", onReadable);
      for (const event of LOST) socket.off(event, onLost);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (error: TlsHandshakeError): void => {
      stop();
      // The error of a socket that is being destroyed is no news to anybody.
      socket.on("error", () => undefined);
      socket.destroy();
      reject(error);
    };
    const onLost = (): void => fail(new TlsHandshakeError("connectionLost"));
    const onAbort = (): void => fail(new TlsHandshakeError("aborted", { cause: signal.reason }));
    const onReadable = (): void => {
      for (let chunk = read(socket); chunk !== undefined; chunk = read(socket)) {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      }
      const hello = readClientHello(received);
      if (hello.kind === "incomplete") return;
      stop();
      socket.unshift(received);
      resolve(hello.serverName);
    };
    if (signal.aborted) return onAbort();
    if (socket.destroyed || socket.readableEnded) return onLost();
    socket.on("readable", onReadable);
    for (const event of LOST) socket.on(event, onLost);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

const LOST = ["end", "error", "close"] as const;

function read(socket: Socket): Buffer | undefined {
  const chunk: unknown = socket.read();
  return Buffer.isBuffer(chunk) ? chunk : undefined;
}
