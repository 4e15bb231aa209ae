/**
 * The control loop of one client: takes lines, has them dispatched, performs the outcomes. It is
 * the only writer of replies, so their order (150, then 226, 426 or 451) is decided here alone.
 */
import type { Socket } from "node:net";
import type { FailureCause } from "./failure-causes.ts";
import type { ParsedCommand } from "../protocol/commands.ts";
import type { LineEvent } from "../protocol/lines.ts";
import { formatReply, type Reply } from "../protocol/replies.ts";
import { TlsHandshakeError } from "../tls/secure-socket.ts";
import { CommandQueue } from "./command-queue.ts";
import { ControlConnection, type ConnectionOwner } from "./connection.ts";
import { dispatch } from "./dispatch.ts";
import { DRAINED, GOODBYE, IDLE, INJECTED, INTERNAL, NOT_SERVED } from "./farewells.ts";
import { clearControl, secureControl } from "./handshakes.ts";
import { beginState, greet } from "./entrances.ts";
import { Foreground } from "./foreground.ts";
import { Holdings } from "./holdings.ts";
import { interpretLine } from "./instructions.ts";
import type { SessionJournal } from "./journal.ts";
import type { Calculation, Outcome, Reprotection, TransferPlan } from "./outcomes.ts";
import { Patience } from "./patience.ts";
import { currentSite } from "./principal.ts";
import { RunningCalculation, type CalculationResult } from "./running-calculation.ts";
import type { Login, SessionState, StateChange } from "./state.ts";
import { streamReply } from "./streamed-reply.ts";
import { carryOut } from "./transfer-course.ts";
import { planTransfer } from "./transfer-plans.ts";
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
  readonly #journal: SessionJournal;
  readonly #holdings = new Holdings();
  #phase: Phase = "open";
  /** A line is being worked on; the others wait. */
  #busy = false;
  readonly #queue: CommandQueue;
  readonly #foreground: Foreground;
  readonly #patience = new Patience();
  /** Code of the last reply, for the log. */
  #lastCode = 0;

  constructor(socket: Socket, host: SessionHost, journal: SessionJournal) {
    this.#host = host;
    this.#journal = journal;
    this.connection = new ControlConnection(socket, this);
    this.#queue = new CommandQueue(this.connection);
    this.#foreground = new Foreground(this.connection, this.#queue, (parsed) => {
      this.#execute(parsed).catch((error: unknown) => this.#fail(error));
    });
  }

  get state(): SessionState {
    return this.#holdings.state;
  }

  /** Greets the client; with implicit TLS after the handshake. */
  start(mode: "clear" | "implicitTls"): Promise<void> {
    return this.#work(async () => {
      const view = this.#host.view();
      const initial = beginState(view.settings, mode, this.connection);
      if (mode === "implicitTls" && view.tls !== undefined) await this.#handshake("", initial);
      else if (initial !== this.state) await this.#holdings.apply(initial);
      const greeting = greet(view, this.state, this.#journal.sessionId);
      if (greeting === undefined) this.close(NOT_SERVED, "otherHost");
      else this.#write(greeting);
    });
  }

  /** Tells the client and closes; @param cause what the server has against going on, for the log. */
  close(last: Reply, cause?: FailureCause): void {
    if (this.#phase !== "open") return;
    this.#phase = "ending";
    this.#journal.leaving(last, cause);
    this.#lastCode = last.code;
    this.#patience.left();
    this.connection.end(formatReply(last));
    this.#release();
  }

  destroy(): void {
    this.connection.destroy();
  }

  /** The time to finish is over: what runs is aborted and answered before the farewell. */
  cut(): void {
    if (this.#foreground.isEmpty) this.close(DRAINED, "stopping");
    else this.#foreground.abort();
  }

  /** Says goodbye now when nothing runs, and otherwise as soon as nothing does. */
  drain(): void {
    if (!this.#busy) this.close(DRAINED, "stopping");
  }

  /** Called every so often; ends what has taken too long. */
  sweep(nowMs: number): void {
    if (!this.#patience.isOver(nowMs, currentSite(this.#host.view(), this.state).limits)) return;
    // Only who leaves the server waiting is idle; what the server itself takes is its own affair.
    const { congested } = this.connection;
    const waiting = !this.#busy || congested || this.state.login.kind !== "loggedIn";
    if (!this.#foreground.isEmpty || !waiting) return;
    // A client that does not read its replies would not read this one either.
    if (this.#phase !== "open" || congested) this.destroy();
    else this.close(IDLE, this.state.login.kind === "loggedIn" ? "controlTimeout" : "loginTimeout");
  }

  onInput(): void {
    this.#foreground.readAhead();
    if (!this.#busy) void this.#work();
  }

  onEnd(): void {
    this.#foreground.ended();
    if (!this.#busy) void this.#work();
  }

  onClosed(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#journal.closed();
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
    if (this.#phase === "open" && this.#host.draining) this.close(DRAINED, "stopping");
  }

  #take(): LineEvent | undefined {
    return this.#phase === "open" && !this.#host.draining ? this.#queue.take() : undefined;
  }

  #fail(error: unknown): void {
    if (error instanceof TlsHandshakeError) {
      this.#journal.tlsRefused(error.kind);
      this.destroy();
      return;
    }
    // A command that the end of the session interrupted is no bug.
    if (this.#phase !== "open" && error instanceof Error && error.name === "AbortError") return;
    this.#journal.bug(error);
    this.close(INTERNAL, "internal");
  }

  async #handle(event: LineEvent): Promise<void> {
    const instruction = interpretLine(event);
    switch (instruction.kind) {
      case "send":
        this.connection.write(instruction.bytes);
        return;
      case "refuse":
        this.#journal.lineRefused(instruction.outcome.reply);
        await this.#perform(instruction.outcome);
        return;
      case "execute":
        await this.#execute(instruction.parsed);
    }
  }

  async #execute(parsed: ParsedCommand): Promise<void> {
    const startedMs = Date.now();
    const before = this.#holdings.state;
    const { outcome, change } = await dispatch(parsed, {
      state: this.#holdings.state,
      view: this.#host.view(),
      peerAddress: this.connection.peerAddress,
      localAddress: this.connection.localAddress,
      localPort: this.connection.localPort,
      nowMs: startedMs,
      figures: this.#journal,
      transfer: this.#foreground.transfer,
      signal: () => this.#holdings.signal(),
    });
    // While a transfer runs, what it leaves standing is its own affair.
    if (this.#foreground.isEmpty) await this.#holdings.apply(change);
    const performed = await this.#perform(outcome);
    const { state: after } = this.#holdings;
    const [code, tookMs] = [this.#lastCode, Date.now() - startedMs];
    this.#journal.command(parsed, { outcome: performed, before, after, code, tookMs });
    if (this.#foreground.isEmpty) this.#settle(before.login);
  }

  /** After a command: notes a login, and that the client was heard of. */
  #settle(before: Login): void {
    this.#holdings.dropSignal();
    if (this.#phase !== "open") return;
    const { login } = this.state;
    this.#patience.heard(login.kind === "loggedIn");
    if (login.kind === "loggedIn" && before.kind !== "loggedIn") {
      this.#journal.loggedIn(login.principal);
    }
  }

  /** @returns what the outcome came to, for the log. */
  async #perform(outcome: Outcome): Promise<Outcome> {
    switch (outcome.kind) {
      case "reply":
        await this.#holdings.apply(outcome.next ?? {});
        this.#write(outcome.reply);
        break;
      case "close":
        this.close(outcome.reply, outcome.cause);
        break;
      case "streamedReply":
        await streamReply(outcome, this.connection, () => this.#phase === "open");
        this.#write({ code: outcome.code, lines: [outcome.last] });
        break;
      case "calculation":
        return this.#perform({ kind: "reply", ...(await this.#calculate(outcome)) });
      case "secure":
      case "clear":
        await this.#reprotect(outcome);
        break;
      case "transfer":
        await this.#runTransfer(outcome.plan);
    }
    return outcome;
  }

  async #calculate(plan: Calculation): Promise<CalculationResult> {
    const running = new RunningCalculation(plan);
    const tell = (text: string): void => {
      if (this.#phase === "open" && !this.connection.congested) this.connection.write(text);
    };
    return this.#foreground.run(running, () => running.run(tell));
  }

  /** Whatever was sent behind AUTH in the clear never runs: it may come from somebody else. */
  async #reprotect({ kind, reply: accepted, next }: Reprotection): Promise<void> {
    if (this.connection.hasUnread || this.#queue.holdsLines) {
      this.#journal.injectionRefused();
      this.close(INJECTED, "plaintextInjection");
      return;
    }
    this.#lastCode = accepted.code;
    if (kind === "secure") await this.#handshake(formatReply(accepted), next);
    else await clearControl(this.connection, this.#holdings, formatReply(accepted), next);
  }

  #handshake(text: string, next: StateChange): Promise<void> {
    const [connection, view] = [this.connection, this.#host.view()];
    return secureControl({ connection, holdings: this.#holdings, view, text, next });
  }

  async #runTransfer(plan: TransferPlan): Promise<void> {
    this.connection.hold();
    await carryOut(plan, {
      foreground: this.#foreground,
      journal: this.#journal,
      prepare: () => planTransfer(this.#host.view(), this.#holdings, this.connection, plan),
      write: (answer) => this.#write(answer),
    });
  }

  #write(answer: Reply): void {
    this.#lastCode = answer.code;
    if (this.#phase === "open") this.connection.write(formatReply(answer));
  }

  /** Ends what runs and gives back everything. */
  #release(): void {
    this.#foreground.close();
    this.#holdings.release().catch((error: unknown) => this.#fail(error));
  }
}
