/** What the sessions of a scripted server share, and the script that they follow. */
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket, type SecureVersion } from "node:tls";
import type { NamedCertificate } from "./named-certificate.ts";

/** How the server behaves; the defaults are those of a good one. */
export interface Script {
  readonly certificate: NamedCertificate;
  readonly maxTlsVersion: SecureVersion;
  readonly requireTlsForUser: boolean;
  readonly requireTlsForData: boolean;
  readonly denyTlsForData: boolean;
  readonly advertisedAddress: string;
  /** How many ports are declared. */
  readonly rangeSize: number;
  /** How many of them, from the first on, are listened on and leased. */
  readonly leasedSize: number;
  readonly order: "ascending" | "lowest";
  /** Leased instead of a port of the range. */
  readonly strayPort: number | undefined;
  /** Also listens on the port after the range. */
  readonly listenAfterRange: boolean;
  /** Replies that stand in for the right ones, by verb; "greeting" is the first line. */
  readonly replies: Readonly<Record<string, string>>;
  /** Verbs that are never answered; "greeting" works too. */
  readonly silentOn: readonly string[];
  /** Verbs on which the connection is cut. */
  readonly resetOn: readonly string[];
  /** Clear text right behind the reply to AUTH, as an attacker on the way would add it. */
  readonly textAfterAuth: string;
  readonly resumeSessions: boolean;
  readonly download: (stored: Buffer) => Buffer;
  readonly store: (sent: Buffer) => Buffer | undefined;
  readonly keepDeleted: boolean;
  /** Ends silent sessions with 421 after this long. */
  readonly idleMilliseconds: number | undefined;
}

export interface Lease {
  readonly port: number;
  readonly arrived: Promise<Socket>;
}

/** What all sessions share: files, leases, open sockets. */
export class ServerState {
  readonly files = new Map<string, Buffer>();
  readonly heard: { line: string; secured: boolean }[] = [];
  readonly sockets = new Set<Socket>();
  readonly context;
  readonly script: Script;
  first = 0;
  readonly #pending = new Map<number, (socket: Socket) => void>();
  #next = 0;

  constructor(script: Script) {
    this.script = script;
    const { certificate, key } = script.certificate;
    this.context = createSecureContext({
      cert: certificate,
      key,
      maxVersion: script.maxTlsVersion,
      sessionIdContext: "scripted",
    });
  }

  arrive(port: number, socket: Socket): void {
    this.own(socket);
    const take = this.#pending.get(port);
    this.#pending.delete(port);
    if (take === undefined) socket.destroy();
    else take(socket);
  }

  /** A port without a pending lease; one session has one lease at a time. */
  lease(previous: Lease | undefined): Lease {
    if (previous !== undefined) this.#pending.delete(previous.port);
    const { order, leasedSize, strayPort } = this.script;
    const start = order === "lowest" ? 0 : this.#next++;
    const free = Array.from(
      { length: leasedSize },
      (_, index) => this.first + ((start + index) % leasedSize),
    ).find((candidate) => !this.#pending.has(candidate));
    const port = strayPort ?? free ?? this.first;
    const { promise, resolve } = Promise.withResolvers<Socket>();
    this.#pending.set(port, resolve);
    return { port, arrived: promise };
  }

  own(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.sockets.delete(socket));
  }

  secure(socket: Socket): TLSSocket {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: this.context });
    this.own(secured);
    return secured;
  }
}
