/**
 * What becomes known of a session: the structured log, the W3C extended log and the counters.
 * Passwords never get here in any other form than `***`.
 */
import type { Logger, LogFields } from "../logging/logger.ts";
import type { FailureCause } from "./failure-causes.ts";
import type { ParsedCommand } from "../protocol/commands.ts";
import type { Reply } from "../protocol/replies.ts";
import type { Metrics } from "../status/metrics.ts";
import {
  describeCommand,
  describeFailure,
  describeRefusal,
  describeSession,
  FIRST_REFUSAL,
  formatExplanation,
  movedBy,
  NOTHING_MOVED,
  type AccessLog,
  type ChannelEvent,
  type CommandResult,
  type ConnectionEnds,
  type MovedBytes,
} from "./access-log.ts";
import { hostNamedBy } from "./named-host.ts";
import type { Explanation, TransferPlan, TransferResult } from "./outcomes.ts";
import type { Principal } from "./principal.ts";
import type { SessionState } from "./state.ts";

/** Verbs whose arguments are secret. */
const SECRET_ARGUMENTS: ReadonlySet<string> = new Set(["PASS", "ACCT"]);

/** What the journal needs of the server around it. */
export interface JournalOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sessionId: string;
  /** The log in force at this moment; undefined while none is kept. */
  readonly accessLog: () => AccessLog | undefined;
}

/** What the journal may look at of its session. */
export interface JournaledSession {
  readonly connection: ConnectionEnds;
  readonly state: SessionState;
}

export class SessionJournal {
  readonly sessionId: string;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #accessLog: () => AccessLog | undefined;
  #session: JournaledSession | undefined;
  readonly #openedMs = Date.now();
  /** All data connections so far. */
  #moved: MovedBytes = NOTHING_MOVED;
  /** The transfer that ended last, until its command is written. */
  #last: { readonly moved: MovedBytes; readonly failure: Explanation | undefined } | undefined;
  /** What the client called the server. */
  #hostName: string | undefined;
  /** Why the server took leave, when the client did not. */
  #ending: Ending | undefined;

  constructor({ logger, metrics, sessionId, accessLog }: JournalOptions) {
    this.sessionId = sessionId;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#accessLog = accessLog;
  }

  /** Bytes that data connections have carried so far. */
  get moved(): MovedBytes {
    return this.#moved;
  }

  opened(session: JournaledSession, fields: LogFields): void {
    this.#session = session;
    this.#metrics.sessionsOpened++;
    this.#logger.log("info", "sessionOpened", fields);
    this.#channel("ControlChannelOpened", {});
  }

  closed(): void {
    this.#logger.log("info", "sessionClosed");
    this.#channel("ControlChannelClosed", {
      ...this.#ending,
      moved: this.#moved,
      tookMs: Date.now() - this.#openedMs,
    });
  }

  command(parsed: ParsedCommand, result: CommandResult): void {
    const { verb, argument } = parsed;
    const { outcome, code, tookMs } = result;
    const refusal = describeRefusal(parsed, result);
    const secret = argument !== undefined && SECRET_ARGUMENTS.has(verb);
    this.#logger.log(code >= FIRST_REFUSAL ? "info" : "debug", "command", {
      verb,
      argument: secret ? "***" : argument,
      code,
      reason: refusal?.reason,
      cause: refusal?.cause,
      tookMs,
    });
    if (code < FIRST_REFUSAL) this.#hostName = hostNamedBy(parsed, result.after) ?? this.#hostName;
    if (verb === "PASS" && code >= FIRST_REFUSAL) this.#metrics.loginsRefused++;
    const transfer = outcome.kind === "transfer" ? this.#last : undefined;
    if (outcome.kind === "transfer") this.#last = undefined;
    const accessLog = this.#accessLog();
    if (accessLog === undefined || this.#session === undefined) return;
    accessLog.write({
      ...this.#describeSession(this.#session.connection, result.after),
      ...describeCommand(
        secret ? { ...parsed, argument: "***" } : parsed,
        result,
        transfer?.moved ?? NOTHING_MOVED,
        transfer?.failure,
      ),
      atMs: Date.now(),
    });
  }

  loggedIn({ account, siteName }: Principal): void {
    this.#metrics.loginsAccepted++;
    this.#logger.log("info", "loggedIn", { account: account.name, site: siteName });
  }

  transferBegan(): void {
    this.#metrics.transfersStarted++;
  }

  dataChannelOpened(plan: TransferPlan): void {
    this.#channel("DataChannelOpened", { virtualPath: plan.path });
  }

  transferEnded(plan: TransferPlan, result: TransferResult, tookMs: number): void {
    if (result.kind === "complete") this.#metrics.transfersCompleted++;
    else this.#metrics.transfersFailed++;
    const moved = movedBy(plan, result);
    this.#metrics.bytesReceived += moved.received;
    this.#metrics.bytesSent += moved.sent;
    this.#moved = {
      sent: this.#moved.sent + moved.sent,
      received: this.#moved.received + moved.received,
    };
    this.#last = { moved, failure: describeFailure(result) };
    const failure = result.kind === "failed" ? result.failure : undefined;
    this.#logger.log("info", "transfer", {
      direction: plan.direction,
      path: plan.path,
      bytes: result.bytes,
      tookMs,
      result: failure?.kind ?? "complete",
      reason: failure?.kind === "storage" ? (failure.reason ?? failure.error) : undefined,
      cause: this.#last.failure?.cause,
    });
    if (failure?.kind === "noConnection") return;
    this.#channel("DataChannelClosed", {
      moved,
      tookMs,
      virtualPath: plan.path,
      ...this.#last.failure,
    });
  }

  /** The server ends the session; @param last what the client is told. */
  leaving({ code, lines }: Reply, cause: FailureCause | undefined): void {
    if (cause === undefined) return;
    const reason = lines.join(" ");
    this.#ending = { status: code, cause, reason };
    this.#logger.log("info", "sessionEnded", { code, cause, reason });
  }

  /** A line of which no command could be made. */
  lineRefused({ code, lines }: Reply): void {
    const reason = lines.join(" ");
    this.#logger.log("info", "lineRefused", { code, reason });
    this.#channel("InvalidLine", { status: code, reason });
  }

  tlsRefused(reason: string): void {
    this.#logger.log("info", "tlsRefused", { reason });
  }

  injectionRefused(): void {
    this.#logger.log("warn", "injectionRefused", {
      reason: "something followed AUTH in the clear",
    });
  }

  bug(error: unknown): void {
    const description = error instanceof Error ? error.stack : String(error);
    this.#logger.log("error", "bug", { error: description });
  }

  /** The server name of TLS was checked against the certificate; it goes before what commands say. */
  #describeSession(ends: ConnectionEnds, state: SessionState): ReturnType<typeof describeSession> {
    const { handshake } = state;
    const serverName = handshake.kind === "done" ? handshake.serverName : undefined;
    const hostName = serverName ?? this.#hostName;
    return { ...describeSession(ends, this.sessionId, state), hostName };
  }

  #channel(
    event: ChannelEvent,
    { moved = NOTHING_MOVED, reason, cause, ...facts }: ChannelFacts,
  ): void {
    const accessLog = this.#accessLog();
    if (accessLog === undefined || this.#session === undefined) return;
    const { connection, state } = this.#session;
    accessLog.write({
      ...this.#describeSession(connection, state),
      ...facts,
      ...formatExplanation({ reason, cause }),
      atMs: Date.now(),
      method: event,
      bytesSent: moved.sent,
      bytesReceived: moved.received,
    });
  }
}

interface Ending extends Required<Explanation> {
  /** Reply code. */
  readonly status: number;
}

interface ChannelFacts extends Explanation {
  readonly status?: number;
  readonly moved?: MovedBytes;
  readonly tookMs?: number;
  readonly virtualPath?: string;
}
