/**
 * The control loop of one client: takes lines, has them dispatched, performs the outcomes. It is
 * the only writer of replies, so their order (150, then 226, 426 or 451) is decided here alone.
 */
import type { Socket } from "node:net";
import type { Logger } from "../logging/logger.ts";
import { isHttpMethod, parseCommand, type ParsedCommand } from "../protocol/commands.ts";
import type { LineEvent } from "../protocol/lines.ts";
import {
  cleanText,
  formatReply,
  formatReplyStart,
  reply,
  type Reply,
} from "../protocol/replies.ts";
import { TlsHandshakeError } from "../tls/secure-socket.ts";
import { CommandQueue } from "./command-queue.ts";
import { ControlConnection, type ConnectionOwner } from "./connection.ts";
import { dispatch } from "./dispatch.ts";
import { LINE_FAULT_REPLIES, transferReply } from "./failures.ts";
import { LIMITS } from "./limits.ts";
import type { Outcome, TransferPlan } from "./outcomes.ts";
import { describeCommand, describeTransfer } from "./records.ts";
import {
  IMPLICIT_TLS_STATE,
  INITIAL_STATE,
  NO_DATA,
  type SessionState,
  type StateChange,
} from "./state.ts";
import { RunningTransfer } from "./transfers.ts";
import type { ServerView } from "./view.ts";

/** What a session needs of the server around it. */
export interface SessionHost {
  /** The settings in force. */
  view(): ServerView;
  /** True once the server takes leave of its clients. */
  readonly draining: boolean;
  /** The session is over and holds nothing any more. */
  onSessionClosed(session: Session): void;
}

/** `ending`: the last reply is written, the client has yet to close its side. */
type Phase = "open" | "ending" | "closed";

export class Session implements ConnectionOwner {
  readonly connection: ControlConnection;
  readonly #host: SessionHost;
  readonly #logger: Logger;
  #state: SessionState = INITIAL_STATE;
  #phase: Phase = "open";
  /** A line is being worked on; the others wait. */
  #busy = false;
  #transfer: RunningTransfer | undefined;
  readonly #queue: CommandQueue;
  #ends: AbortController | undefined;
  #deadlineMs: number;
  /** Code of the last reply, for the log. */
  #lastCode = 0;

  constructor(socket: Socket, host: SessionHost, logger: Logger) {
    this.#host = host;
    this.#logger = logger;
    this.#deadlineMs = Date.now() + LIMITS.unauthenticatedSeconds * 1000;
    this.connection = new ControlConnection(socket, this);
    this.#queue = new CommandQueue(this.connection);
  }

  /** Greets the client; with implicit TLS after the handshake. */
  start(mode: "clear" | "implicitTls"): Promise<void> {
    return this.#work(async () => {
      const { tls } = this.#host.view();
      if (mode === "implicitTls" && tls !== undefined) {
        await this.connection.secure("", tls.control, this.#handshakeSignal());
        this.#state = IMPLICIT_TLS_STATE;
      }
      this.#write(reply.greeting("Gangway ready."));
    });
  }

  /** Tells the client and closes. */
  close(last: Reply): void {
    if (this.#phase !== "open") return;
    this.#phase = "ending";
    this.#lastCode = last.code;
    this.#deadlineMs = Date.now() + LIMITS.lingerSeconds * 1000;
    this.connection.end(formatReply(last));
    this.#release();
  }

  destroy(): void {
    this.connection.destroy();
  }

  /** Says goodbye now when nothing runs, and otherwise as soon as nothing does. */
  drain(): void {
    if (!this.#busy) this.close(DRAINED);
  }

  /** Called every so often; ends what has taken too long. */
  sweep(nowMs: number): void {
    if (this.#transfer !== undefined || nowMs <= this.#deadlineMs) return;
    // A client that does not read its replies would not read this one either.
    if (this.#phase !== "open" || this.connection.congested) this.destroy();
    else this.close(reply.serviceClosing("Idle for too long; goodbye."));
  }

  onInput(): void {
    if (this.#transfer !== undefined) this.#readAhead(this.#transfer);
    else if (!this.#busy) void this.#work();
  }

  onEnd(): void {
    if (this.#transfer !== undefined) this.#readAhead(this.#transfer);
    if (this.#isAbandoned()) this.#transfer?.abort();
    if (!this.#busy) void this.#work();
  }

  /** RFC 959 section 2.3: a control connection that closes without QUIT aborts the transfer. */
  #isAbandoned(): boolean {
    return this.connection.ended && !this.#queue.holdsQuit;
  }

  onClosed(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#release();
    this.#host.onSessionClosed(this);
  }

  /** Runs `first`, then every line there is. Whatever fails here unexpectedly is a bug. */
  async #work(first?: () => Promise<void>): Promise<void> {
    this.#busy = true;
    try {
      await first?.();
      for (let event = this.#take(); event !== undefined; event = this.#take()) {
        await this.#handle(event);
        await this.connection.drained();
      }
      if (this.#phase === "open" && this.connection.ended) this.close(GOODBYE);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#busy = false;
    }
    if (this.#phase === "open" && this.#host.draining) this.close(DRAINED);
  }

  #take(): LineEvent | undefined {
    if (this.#phase !== "open" || this.#host.draining) return undefined;
    return this.#queue.take();
  }

  #fail(error: unknown): void {
    if (error instanceof TlsHandshakeError) {
      this.#logger.log("info", "tlsRefused", { reason: error.kind });
      this.destroy();
      return;
    }
    // A command that the end of the session interrupted is no bug.
    if (this.#phase !== "open" && error instanceof Error && error.name === "AbortError") return;
    const description = error instanceof Error ? error.stack : String(error);
    this.#logger.log("error", "bug", { error: description });
    this.close(reply.serviceClosing("An internal error occurred; goodbye."));
  }

  async #handle(event: LineEvent): Promise<void> {
    switch (event.kind) {
      case "telnetOption":
        this.connection.write(event.answer);
        return;
      case "refused":
        this.#write(LINE_FAULT_REPLIES[event.fault]);
        return;
      case "flood":
        this.close(reply.serviceClosing("The line does not end; goodbye."));
        return;
      case "line": {
        const parsed = parseCommand(event.text);
        if (parsed === undefined) this.#write(reply.unknownCommand("Not a command."));
        else if (isHttpMethod(parsed.verb))
          this.close(reply.serviceClosing("This is an FTP server."));
        else await this.#execute(parsed);
      }
    }
  }

  async #execute(parsed: ParsedCommand): Promise<void> {
    const startedMs = Date.now();
    const { outcome, change } = await dispatch(parsed, {
      state: this.#state,
      view: this.#host.view(),
      peerAddress: this.connection.peerAddress,
      localAddress: this.connection.localAddress,
      localPort: this.connection.localPort,
      nowMs: startedMs,
      transfer: this.#transfer,
      signal: () => this.#signal(),
    });
    // While a transfer runs, what it leaves standing is its own affair.
    if (this.#transfer === undefined) await this.#apply(change);
    await this.#perform(outcome);
    const tookMs = Date.now() - startedMs;
    this.#logger.log("debug", "command", describeCommand(parsed, outcome, this.#lastCode, tookMs));
    if (this.#transfer === undefined) this.#ends = undefined;
    if (this.#state.login.kind === "loggedIn" && this.#phase === "open") {
      this.#deadlineMs = Date.now() + LIMITS.idleSessionSeconds * 1000;
    }
  }

  async #perform(outcome: Outcome): Promise<void> {
    switch (outcome.kind) {
      case "reply":
        await this.#apply(outcome.next ?? {});
        this.#write(outcome.reply);
        return;
      case "close":
        this.close(outcome.reply);
        return;
      case "streamedReply":
        this.connection.write(formatReplyStart(outcome.code, outcome.first));
        for await (const line of outcome.lines) {
          if (this.#phase !== "open") return;
          this.connection.write(` ${cleanText(line)}\r\n`);
          await this.connection.drained();
        }
        this.#write({ code: outcome.code, lines: [outcome.last] });
        return;
      case "secure":
        await this.#secure(outcome.reply, outcome.next);
        return;
      case "transfer":
        await this.#runTransfer(outcome.plan);
    }
  }

  /** Whatever was sent in the clear behind AUTH never runs: it may come from somebody else. */
  async #secure(accepted: Reply, next: StateChange): Promise<void> {
    const { tls } = this.#host.view();
    if (tls === undefined || this.connection.hasUnread) {
      this.#logger.log("warn", "injectionRefused", { peer: this.connection.peerAddress });
      this.close(reply.serviceClosing("Something followed AUTH in the clear; goodbye."));
      return;
    }
    this.#lastCode = accepted.code;
    await this.connection.secure(formatReply(accepted), tls.control, this.#handshakeSignal());
    await this.#apply(next);
  }

  async #runTransfer(plan: TransferPlan): Promise<void> {
    const startedMs = Date.now();
    const { data, protection } = this.#state;
    // The transfer owns the data connection from now on.
    this.#state = { ...this.#state, data: NO_DATA };
    this.#write(reply.opening(plan.opening));
    const transfer = new RunningTransfer(plan);
    this.#transfer = transfer;
    this.#readAhead(transfer);
    if (this.#phase !== "open" || this.#isAbandoned()) transfer.abort();
    const result = await transfer
      .run({
        channel: data,
        tls: protection.level === "private" ? this.#host.view().tls : undefined,
        localAddress: this.connection.localAddress,
        localPort: this.connection.localPort,
      })
      .finally(() => (this.#transfer = undefined));
    this.#write(transferReply(plan, result));
    this.#logger.log("info", "transfer", describeTransfer(plan, result, Date.now() - startedMs));
  }

  /** Answers what may be answered during a transfer, and notices ABOR; the rest waits. */
  #readAhead(transfer: RunningTransfer): void {
    if (this.#phase !== "open") return;
    for (let each = this.#queue.readAhead(); each !== undefined; each = this.#queue.readAhead()) {
      if (each.kind === "abort") transfer.abort();
      else this.#execute(each.parsed).catch((error: unknown) => this.#fail(error));
    }
  }

  /** Applies changes of state; a data connection that is replaced is given back. */
  async #apply(change: StateChange): Promise<void> {
    const { data, login } = this.#state;
    this.#state = { ...this.#state, ...change };
    if (data !== this.#state.data && data.kind === "passive") {
      await data.lease[Symbol.asyncDispose]();
    }
    if (this.#phase !== "open") this.#release();
    const { login: current } = this.#state;
    if (current.kind === "loggedIn" && login.kind !== "loggedIn") {
      const { account, siteName } = current.principal;
      this.#logger.log("info", "loggedIn", { account: account.name, site: siteName });
    } else if (current.kind !== "loggedIn" && login.kind === "loggedIn") {
      this.#deadlineMs = Date.now() + LIMITS.unauthenticatedSeconds * 1000;
    }
  }

  #write(answer: Reply): void {
    this.#lastCode = answer.code;
    if (this.#phase === "open") this.connection.write(formatReply(answer));
  }

  /** Gives back everything that a session can hold. */
  #release(): void {
    this.#transfer?.abort();
    this.#ends?.abort();
    const { data } = this.#state;
    this.#state = { ...this.#state, data: NO_DATA };
    if (data.kind === "passive") {
      data.lease[Symbol.asyncDispose]().then(undefined, (error: unknown) => this.#fail(error));
    }
  }

  #signal(): AbortSignal {
    this.#ends ??= new AbortController();
    return this.#ends.signal;
  }

  #handshakeSignal(): AbortSignal {
    const timeout = AbortSignal.timeout(LIMITS.tlsHandshakeSeconds * 1000);
    return AbortSignal.any([this.#signal(), timeout]);
  }
}

const GOODBYE = reply.goodbye("Goodbye.");
const DRAINED = reply.serviceClosing("The server is going down; please come back later.");
