/** A raw FTP client for wire dialogues: sends exactly the given bytes, reads whole replies. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";

export interface WireReply {
  readonly code: number;
  /** Everything as received, without the last CRLF. */
  readonly text: string;
}

/** Thrown when the server closes while a reply is expected. */
export class ConnectionClosedError extends Error {
  override readonly name = "ConnectionClosedError";
}

const REPLY_TIMEOUT_MS = 15_000;

export class WireClient implements AsyncDisposable {
  socket: Socket;
  readonly host: string;
  #received = "";
  #closed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, host: string) {
    this.socket = socket;
    this.host = host;
    this.#listen();
  }

  /** Connects without waiting for the greeting. */
  static async open(host: string, port: number, localAddress?: string): Promise<WireClient> {
    const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
    await once(socket, "connect");
    return new WireClient(socket, host);
  }

  /** Connects with implicit TLS. */
  static async openTls(
    host: string,
    port: number,
    options: ConnectionOptions = {},
  ): Promise<WireClient> {
    const socket = connectTls({ host, port, rejectUnauthorized: false, ...options });
    await once(socket, "secureConnect");
    return new WireClient(socket, host);
  }

  /** Turns TLS on after a 234, on the same connection. */
  async secure(options: ConnectionOptions = {}): Promise<void> {
    this.socket.removeAllListeners("data");
    this.socket.removeAllListeners("close");
    const secured = connectTls({ socket: this.socket, rejectUnauthorized: false, ...options });
    await once(secured, "secureConnect");
    this.socket = secured;
    this.#listen();
  }

  /** What has arrived and was not read as a reply. */
  get received(): string {
    return this.#received;
  }

  get tlsSession(): Buffer | undefined {
    return "getSession" in this.socket ? (this.socket as TLSSocket).getSession() : undefined;
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** Sends a command line and reads its reply. */
  async command(line: string): Promise<WireReply> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** Code of the reply to a command. */
  async code(line: string): Promise<number> {
    return (await this.command(line)).code;
  }

  /** Reads the next reply, single or multi-line. */
  async reply(): Promise<WireReply> {
    const deadline = Date.now() + REPLY_TIMEOUT_MS;
    for (;;) {
      const found = takeReply(this.#received);
      if (found !== undefined) {
        this.#received = this.#received.slice(found.length);
        return found.reply;
      }
      if (this.#closed) throw new ConnectionClosedError(`closed after ${this.#received}`);
      if (Date.now() > deadline) throw new Error(`no reply; received ${this.#received}`);
      await this.#more();
    }
  }

  /** Resolves when the server has closed; returns what came before. */
  async closed(): Promise<string> {
    while (!this.#closed) await this.#more();
    return this.#received;
  }

  async login(user = "alice", password = "secret"): Promise<void> {
    if (this.#received === "") await this.reply();
    await this.expect(`USER ${user}`, 331);
    await this.expect(`PASS ${password}`, 230);
    await this.expect("TYPE I", 200);
  }

  async expect(line: string, code: number): Promise<WireReply> {
    const reply = await this.command(line);
    if (reply.code !== code)
      throw new Error(`${line}: expected ${String(code)}, got ${reply.text}`);
    return reply;
  }

  /** EPSV, then a connection to the announced port. */
  async openData(): Promise<Socket> {
    const { text } = await this.expect("EPSV", 229);
    const port = Number(/\|\|\|(\d+)\|/.exec(text)?.[1]);
    const socket = connect({ host: this.host, port });
    await once(socket, "connect");
    return socket;
  }

  /** A whole download: data and the two codes. */
  async download(line: string): Promise<{ data: string; codes: number[] }> {
    const data = await this.openData();
    const chunks: Buffer[] = [];
    data.on("data", (chunk: Buffer) => chunks.push(chunk));
    const ended = once(data, "close");
    const first = await this.command(line);
    if (first.code >= 300) {
      data.destroy();
      return { data: "", codes: [first.code] };
    }
    await ended;
    const last = await this.reply();
    return { data: Buffer.concat(chunks).toString("utf8"), codes: [first.code, last.code] };
  }

  /** A whole upload: the two codes. */
  async upload(line: string, content: string | Uint8Array): Promise<number[]> {
    const data = await this.openData();
    const first = await this.command(line);
    if (first.code >= 300) {
      data.destroy();
      return [first.code];
    }
    // The server may refuse what is still under way.
    data.on("error", () => undefined);
    data.end(content);
    const last = await this.reply();
    data.destroy();
    return [first.code, last.code];
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    return Promise.resolve();
  }

  #listen(): void {
    this.socket
      .on("data", (chunk: Buffer) => {
        this.#received += chunk.toString("utf8");
        this.#wake?.();
      })
      .on("error", () => undefined)
      .on("end", () => this.#end())
      .on("close", () => this.#end());
  }

  #end(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Resolves at the next sign of life, or after a while. */
  async #more(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, REPLY_TIMEOUT_MS);
    });
    clearTimeout(timer);
  }
}

function takeReply(text: string): { reply: WireReply; length: number } | undefined {
  const single = /^(\d{3}) [^\r\n]*\r\n/.exec(text);
  if (single !== null) {
    return {
      reply: { code: Number(single[1]), text: single[0].trimEnd() },
      length: single[0].length,
    };
  }
  const code = /^(\d{3})-/.exec(text)?.[1];
  if (code === undefined) return undefined;
  const end = new RegExp(`^[\\s\\S]*?\\r\\n${code} [^\\r\\n]*\\r\\n`).exec(text);
  return end === null
    ? undefined
    : { reply: { code: Number(code), text: end[0].trimEnd() }, length: end[0].length };
}
