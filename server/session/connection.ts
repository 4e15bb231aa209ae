/**
 * The socket side of a control connection: bytes in, lines out; text in, bytes out. It decides
 * nothing. Reading stops while too much lies unread, so memory does not grow with what a client
 * sends; whoever writes waits for `drained`, so it does not grow with what a client leaves unread.
 */
import type { Socket } from "node:net";
import { unmapAddress } from "../protocol/addresses.ts";
import { LineReader, type LineEvent } from "../protocol/lines.ts";
import { awaitServerName } from "../tls/client-hello.ts";
import type { ClientCertificate } from "../tls/client-certificate.ts";
import { secureControlSocket, type SecuredControl } from "../tls/secure-socket.ts";
import type { TlsChannel } from "../tls/contexts.ts";
import { BOUNDS } from "./limits.ts";

/** Who is told what happens on the connection. */
export interface ConnectionOwner {
  /** Bytes arrived: `next` may have something. */
  onInput(): void;
  /** The client has sent its last byte. */
  onEnd(): void;
  /** The connection is gone; nothing follows. */
  onClosed(): void;
}

/** What a client has said of itself and of whom it looks for in its handshake. */
export interface HandshakeFacts {
  readonly serverName: string | undefined;
  readonly certificate: ClientCertificate | undefined;
  /** As Node names it: `TLSv1.3`. */
  readonly version: string | undefined;
}

export class ControlConnection {
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly localAddress: string;
  readonly localPort: number;
  #socket: Socket;
  readonly #owner: ConnectionOwner;
  #leaveTls: SecuredControl["leave"];
  readonly #reader = new LineReader();
  #paused = false;
  #ended = false;
  /** Replies that wait for the end of what is being done. */
  #held: string | undefined;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.peerAddress = unmapAddress(socket.remoteAddress ?? "");
    this.peerPort = socket.remotePort ?? 0;
    this.localAddress = sameText(unmapAddress(socket.localAddress ?? ""));
    this.localPort = socket.localPort ?? 0;
    forgetAddresses(socket);
    this.#socket = socket;
    this.#owner = owner;
    this.#attach();
  }

  /** The client has closed its side. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Something was received that no command was made of yet. */
  get hasUnread(): boolean {
    return this.#reader.bufferedBytes > 0 || this.#socket.readableLength > 0;
  }

  /** The client does not take our replies as fast as they are made. */
  get congested(): boolean {
    return !this.#socket.destroyed && this.#socket.writableLength > BOUNDS.unsentBytes;
  }

  /** The next line, or undefined until more arrives. */
  next(): LineEvent | undefined {
    const event = this.#reader.next();
    if (this.#paused && this.#reader.bufferedBytes <= BOUNDS.unreadBytes) {
      this.#paused = false;
      this.#socket.resume();
    }
    return event;
  }

  write(data: string | Uint8Array): void {
    if (this.#held !== undefined && typeof data === "string") {
      this.#held += data;
      return;
    }
    this.#flush();
    if (this.#socket.writable) this.#socket.write(data);
  }

  /**
   * Has replies wait until everything is done that can be done without waiting for anybody: those of
   * a small transfer, 150 and 226, so go out as one.
   */
  hold(): void {
    if (this.#held !== undefined) return;
    this.#held = "";
    process.nextTick(ControlConnection.#flushHeld, this);
  }

  /** Resolves when the client has taken what was written, or is gone. */
  async drained(): Promise<void> {
    const socket = this.#socket;
    if (!this.congested) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off("drain", done).off("close", done);
        resolve();
      };
      socket.on("drain", done).on("close", done);
    });
  }

  /**
   * Writes `text` in the clear, then performs the TLS handshake.
   *
   * @param choose which certificate the server name wants; without one it is undefined.
   * @throws TlsHandshakeError; the connection is closed then.
   */
  async secure(
    text: string,
    choose: (serverName: string | undefined) => TlsChannel,
    signal: AbortSignal,
  ): Promise<HandshakeFacts> {
    const socket = await this.#suspend(text);
    try {
      const serverName = await awaitServerName(socket, signal);
      const secured = await secureControlSocket(socket, choose(serverName), signal);
      this.#socket = secured.socket;
      this.#leaveTls = secured.leave;
      this.#attach();
      const version = secured.socket.getProtocol() ?? undefined;
      return { serverName, certificate: secured.certificate, version };
    } catch (error) {
      this.#owner.onClosed();
      throw error;
    }
  }

  /**
   * Writes `text` under TLS, then ends TLS; what follows is in the clear.
   *
   * @throws TlsHandshakeError; the connection is closed then.
   */
  async clear(text: string, signal: AbortSignal): Promise<void> {
    const leave = this.#leaveTls;
    if (leave === undefined) throw new Error("this TLS connection cannot be left");
    await this.#suspend(text);
    try {
      this.#socket = await leave(signal);
      this.#leaveTls = undefined;
      this.#attach();
      this.#socket.resume();
    } catch (error) {
      this.#owner.onClosed();
      throw error;
    }
  }

  /** Whether TLS protects the connection and may be left. */
  get canClear(): boolean {
    return this.#leaveTls !== undefined;
  }

  /** Writes the last reply and closes our side; what the client still sends is thrown away. */
  end(text: string): void {
    const socket = this.#socket;
    socket.off("data", ControlConnection.#onData);
    this.#flush();
    if (socket.writable) socket.end(text);
    socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Stops reading and writes the last that goes the way it went so far. */
  async #suspend(text: string): Promise<Socket> {
    const socket = this.#socket;
    this.#flush();
    this.#detach();
    socket.pause();
    if (text !== "") {
      await new Promise<void>((resolve) => {
        socket.write(text, () => resolve());
      });
    }
    return socket;
  }

  #flush(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && held !== "" && this.#socket.writable) this.#socket.write(held);
  }

  static #flushHeld(this: void, connection: ControlConnection): void {
    connection.#flush();
  }

  #attach(): void {
    const socket = Object.assign(this.#socket, { [OWNER]: this });
    socket
      .on("data", ControlConnection.#onData)
      .on("end", ControlConnection.#onEnd)
      .on("close", ControlConnection.#onClose)
      .on("error", ignore);
  }

  #detach(): void {
    this.#socket
      .off("data", ControlConnection.#onData)
      .off("end", ControlConnection.#onEnd)
      .off("close", ControlConnection.#onClose);
    // The listener for errors stays: a client may be gone before the last reply in the clear is out.
  }

  #take(chunk: Buffer): void {
    this.#reader.push(chunk);
    if (!this.#paused && this.#reader.bufferedBytes > BOUNDS.unreadBytes) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#owner.onInput();
  }

  #ending(): void {
    this.#ended = true;
    this.#owner.onEnd();
  }

  // One listener for all sockets takes less than one for each.
  static #onData(this: OwnedSocket, chunk: Buffer): void {
    this[OWNER].#take(chunk);
  }

  static #onEnd(this: OwnedSocket): void {
    this[OWNER].#ending();
  }

  static #onClose(this: OwnedSocket): void {
    this[OWNER].#owner.onClosed();
  }
}

const OWNER = Symbol("control connection");

interface OwnedSocket extends Socket {
  [OWNER]: ControlConnection;
}

/** Node keeps what it was asked for, and would for as long as the session lasts. */
function forgetAddresses(socket: Socket): void {
  const kept = socket as unknown as { _peername?: unknown; _sockname?: unknown };
  kept._peername = undefined;
  kept._sockname = undefined;
}

let lastText = "";

/** Most sessions have the same local address: one text for all of them. */
function sameText(text: string): string {
  if (text !== lastText) lastText = text;
  return lastText;
}

/** An error is followed by `close`, which says all that matters here. */
function ignore(): void {
  return;
}
