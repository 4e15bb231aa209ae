/** The control connection: commands out, replies in, plain or TLS. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { dial, secure, type HandshakeOptions, type Target } from "./dial.ts";
import { replyClass, ReplyReader, replyText, type Reply } from "./replies.ts";
import { settle, waitFor, type StepLimit } from "./steps.ts";
import { codeOf, ProbeFault } from "./symptoms.ts";

/** Replies that arrived before somebody asked for them; more than this is not FTP. */
const MOST_UNREAD_REPLIES = 64;

type Ending =
  | { readonly kind: "open" }
  | { readonly kind: "ended"; readonly how: "reset" | "closed" }
  | { readonly kind: "faulty"; readonly fault: ProbeFault };

/** Owns its socket; `await using` closes it. One command is in flight at a time. */
export class ControlConnection implements AsyncDisposable {
  #socket: Socket;
  readonly #reader = new ReplyReader();
  readonly #decoder = new TextDecoder();
  #replies: Reply[] = [];
  #ending: Ending = { kind: "open" };
  #wake: (() => void) | undefined;
  /** TLS 1.3 tickets arrive after the handshake; the newest one resumes data connections. */
  #ticket: Buffer | undefined;
  #stopListening: () => void;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#stopListening = this.#listen(socket);
  }

  /** Connects; with `implicit`, secures the connection before anything is said (port 990). */
  static async open(
    target: Target,
    limit: StepLimit,
    implicit?: HandshakeOptions,
  ): Promise<ControlConnection> {
    const socket = await dial(target, limit);
    if (implicit === undefined) return new ControlConnection(socket);
    const secured = await secure(socket, "control", implicit, limit);
    return new ControlConnection(secured);
  }

  /** The TLS socket, or undefined in clear. */
  get secured(): TLSSocket | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket : undefined;
  }

  /** What resumes the TLS session on a data connection; undefined in clear. */
  get session(): Buffer | undefined {
    return this.#ticket ?? this.secured?.getSession();
  }

  get isOpen(): boolean {
    return this.#ending.kind === "open";
  }

  get remoteAddress(): string {
    return (this.#socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  }

  /**
   * The next reply.
   *
   * @param waitingFor what the report says when none comes.
   * @throws ProbeFault (stalled, lost, malformedReply)
   */
  async readReply(waitingFor: string, limit: StepLimit): Promise<Reply> {
    try {
      return await waitFor(waitingFor, limit, (signal) =>
        settle<Reply>(signal, (resolve, reject) => {
          const look = () => {
            const reply = this.#replies.shift();
            if (reply !== undefined) resolve(reply);
            else if (this.#ending.kind === "faulty") reject(this.#ending.fault);
            else if (this.#ending.kind === "ended") {
              reject(new ProbeFault({ kind: "lost", how: this.#ending.how, waitingFor }));
            } else this.#wake = look;
          };
          look();
        }),
      );
    } finally {
      // A wait that ran out must not take the reply of the next one.
      this.#wake = undefined;
    }
  }

  /** Sends a command without waiting. Arguments were checked for line breaks with the options. */
  send(command: string): void {
    this.#socket.write(`${command}\r\n`);
  }

  /** Sends a command and returns its first reply, whatever it is. */
  async ask(command: string, limit: StepLimit): Promise<Reply> {
    this.send(command);
    return this.readReply(`the reply to ${nameOf(command)}`, limit);
  }

  /**
   * Sends a command and insists on a reply of a class (2: completion, 3: intermediate, …).
   *
   * @throws ProbeFault (unexpectedReply, and those of `readReply`)
   */
  async expect(command: string, classes: readonly number[], limit: StepLimit): Promise<Reply> {
    return insist(nameOf(command), await this.ask(command, limit), classes);
  }

  /** Says AUTH TLS and secures the connection (RFC 4217, section 4). */
  async startTls(options: HandshakeOptions, limit: StepLimit): Promise<TLSSocket> {
    const reply = await this.ask("AUTH TLS", limit);
    if (reply.code !== 234) throw unexpected("AUTH TLS", reply);
    // Bytes before the handshake were not protected by it: somebody on the way may have added them.
    const [early] = this.#replies;
    if (early !== undefined || !this.#reader.isEmpty) {
      throw new ProbeFault({
        kind: "malformedReply",
        text: `clear text after AUTH TLS: ${early === undefined ? "" : replyText(early)}`,
      });
    }
    this.#stopListening();
    const secured = await secure(this.#socket, "control", options, limit);
    this.#socket = secured;
    this.#stopListening = this.#listen(secured);
    return secured;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // QUIT is a courtesy: the server's log then shows an ended session, not a lost one.
    if (this.isOpen && this.#socket.writable) this.#socket.end("QUIT\r\n");
    this.#socket.destroySoon();
    this.#ending = { kind: "ended", how: "closed" };
    return Promise.resolve();
  }

  /** Follows a socket; the returned function stops that, without touching others' listeners. */
  #listen(socket: Socket): () => void {
    const end = (ending: Ending) => {
      if (this.#ending.kind === "open") this.#ending = ending;
      this.#notify();
    };
    const listeners = {
      data: (chunk: Buffer) => {
        try {
          this.#replies.push(...this.#reader.push(this.#decoder.decode(chunk, { stream: true })));
          if (this.#replies.length > MOST_UNREAD_REPLIES) {
            throw new ProbeFault({ kind: "malformedReply", text: "more replies than commands" });
          }
          this.#notify();
        } catch (error) {
          if (!(error instanceof ProbeFault)) throw error;
          end({ kind: "faulty", fault: error });
          socket.destroy();
        }
      },
      error: (error: Error) => {
        end({ kind: "ended", how: codeOf(error) === "ECONNRESET" ? "reset" : "closed" });
      },
      end: () => {
        end({ kind: "ended", how: "closed" });
      },
      close: () => {
        end({ kind: "ended", how: "closed" });
      },
      session: (ticket: Buffer) => {
        this.#ticket = ticket;
      },
    };
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    return () => {
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener);
    };
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** @throws ProbeFault (unexpectedReply) unless the reply is of one of the classes. */
export function insist(command: string, reply: Reply, classes: readonly number[]): Reply {
  if (!classes.includes(replyClass(reply))) throw unexpected(command, reply);
  return reply;
}

function unexpected(command: string, reply: Reply): ProbeFault {
  return new ProbeFault({
    kind: "unexpectedReply",
    command,
    code: reply.code,
    text: replyText(reply),
  });
}

/** A command as reports may show it: never with the argument of PASS. */
function nameOf(command: string): string {
  const [verb = ""] = command.split(" ");
  return verb === "PASS" || verb === "USER" ? verb : command;
}
