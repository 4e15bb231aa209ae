/** From what a session does to lines of the W3C extended log. Pure, but for the log it writes to. */
import type { W3cRecord } from "../logging/w3c-format.ts";
import type { ParsedCommand } from "../protocol/commands.ts";
import { resolvePath } from "../protocol/paths.ts";
import { causeOfReply, causeOfTransfer } from "./causes.ts";
import { FAILURE_CAUSES } from "./failure-causes.ts";
import { transferReply } from "./failures.ts";
import type { Explanation, Outcome, TransferPlan, TransferResult } from "./outcomes.ts";
import type { Principal } from "./principal.ts";
import type { SessionState } from "./state.ts";

/** Where lines go: `W3cLog`, without its files. */
export interface AccessLog {
  write(record: W3cRecord): void;
}

/** The ends of a control connection, without IPv4-mapping. */
export interface ConnectionEnds {
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** What a command came to. */
export interface CommandResult {
  readonly outcome: Outcome;
  /** The session's state before the command and after it. */
  readonly before: SessionState;
  readonly after: SessionState;
  /** Of the last reply that the command got. */
  readonly code: number;
  readonly tookMs: number;
}

/** Bytes on data connections, from the server's side. */
export interface MovedBytes {
  readonly sent: number;
  readonly received: number;
}

export const NOTHING_MOVED: MovedBytes = { sent: 0, received: 0 };

export type ChannelEvent =
  | "ControlChannelOpened"
  | "ControlChannelClosed"
  | "DataChannelOpened"
  | "DataChannelClosed"
  /** What is no command; IIS knows no such line. */
  | "InvalidLine";

/** Replies from here on refuse something. */
export const FIRST_REFUSAL = 400;

/** The part of a line that belongs to the session, not to the command. */
export function describeSession(
  ends: ConnectionEnds,
  sessionId: string,
  state: SessionState,
): Omit<W3cRecord, "method" | "atMs"> {
  return {
    clientAddress: ends.peerAddress,
    clientPort: ends.peerPort,
    serverAddress: ends.localAddress,
    serverPort: ends.localPort,
    sessionId,
    ...describeLogin(state),
  };
}

function describeLogin({ login }: SessionState): Pick<W3cRecord, "userName" | "siteName"> {
  switch (login.kind) {
    case "none":
      return {};
    case "userNamed":
      return { userName: login.userName, siteName: login.siteName };
    case "loggedIn":
      return nameOf(login.principal);
  }
}

function nameOf({ account, siteName }: Principal): Pick<W3cRecord, "userName" | "siteName"> {
  return { userName: account.name, siteName };
}

/** One line for a command; @param moved what its data connection carried. */
export function describeCommand(
  parsed: ParsedCommand,
  result: CommandResult,
  moved: MovedBytes,
  failure: Explanation | undefined,
): Omit<W3cRecord, "atMs"> {
  const { before, after, code, tookMs } = result;
  const { verb, argument } = parsed;
  return {
    // A refused password leaves nobody; the line still says whose it was.
    ...(after.login.kind === "none" ? describeLogin(before) : {}),
    method: verb,
    argument,
    status: code,
    bytesSent: moved.sent,
    bytesReceived: moved.received,
    tookMs,
    virtualPath: virtualPath(verb, argument, result),
    ...formatExplanation(failure ?? describeRefusal(parsed, result)),
  };
}

/** An explanation as the fields of a line. */
export function formatExplanation({ reason, cause }: Explanation = {}): Pick<
  W3cRecord,
  "reason" | "substatus" | "win32Status"
> {
  if (cause === undefined) return { reason };
  const { substatus, win32 } = FAILURE_CAUSES[cause];
  return { reason, substatus, win32Status: win32 };
}

/** Why a command was refused: the rule or fault behind the reply, or else the reply itself. */
export function describeRefusal(
  parsed: ParsedCommand,
  { outcome, before, code }: CommandResult,
): Explanation | undefined {
  if (outcome.kind !== "reply" && outcome.kind !== "close") return undefined;
  const { reason, cause, reply } = outcome;
  if (code < FIRST_REFUSAL && cause === undefined) return undefined;
  const known = cause ?? causeOfReply(parsed, before, reply);
  return {
    reason: reason ?? reply.lines.join(" "),
    ...(known === undefined ? {} : { cause: known }),
  };
}

/** Why a transfer failed; undefined when it did not. */
export function describeFailure(result: TransferResult): Required<Explanation> | undefined {
  if (result.kind === "complete") return undefined;
  return {
    reason: reasonOf(result),
    cause: causeOfTransfer(result.failure),
  };
}

/** The rule or limit behind it, or else what the client is told. */
function reasonOf(result: Extract<TransferResult, { readonly kind: "failed" }>): string {
  const { failure } = result;
  const rule = failure.kind === "storage" ? failure.reason : undefined;
  return rule ?? transferReply(result).lines.join(" ");
}

export function movedBy(plan: TransferPlan, { bytes }: TransferResult): MovedBytes {
  return plan.direction === "receive" ? { sent: 0, received: bytes } : { sent: bytes, received: 0 };
}

/** Verbs whose whole argument is a path. */
const PATH_VERBS: ReadonlySet<string> = new Set([
  ...["RETR", "STOR", "APPE", "DELE", "RNFR", "RNTO", "SIZE", "MDTM", "MLST", "MLSD"],
  ...["CWD", "XCWD", "MKD", "XMKD", "RMD", "XRMD", "HASH", "DSIZ", "AVBL", "STOU"],
]);

/** The path that the command was about, as the client sees it; else the folder it is in. */
function virtualPath(
  verb: string,
  argument: string | undefined,
  { outcome, before, after }: CommandResult,
): string | undefined {
  if (outcome.kind === "transfer") return outcome.plan.path;
  if (after.login.kind !== "loggedIn") return undefined;
  if (argument === undefined || !PATH_VERBS.has(verb)) return after.folder;
  const resolved = resolvePath(before.folder, argument);
  return resolved.ok ? resolved.path : after.folder;
}
