/** Bounds of sessions, in one place, with their units. */
import type { SessionTimeouts } from "#contract";

/** What an administrator may want otherwise; part of the view. */
export interface SessionLimits {
  /** Sessions of the process. */
  readonly sessions: number;
  /** Sessions of one client address; many users may share one behind a NAT. */
  readonly sessionsPerAddress: number;
  /** From the connection to a login. */
  readonly unauthenticatedSeconds: number;
  /** Without a command; never while a transfer runs. Keepalive notices dead peers much earlier. */
  readonly idleSessionSeconds: number;
  /** From a transfer command to an open data connection. */
  readonly dataConnectionSeconds: number;
  /** A data connection on which no byte moves. */
  readonly dataIdleSeconds: number;
  /** Failed logins of one session until it is closed. */
  readonly failedLogins: number;
  /** Delay of the reply to a failed login, times the number of failures so far. */
  readonly failedLoginDelayMilliseconds: number;
}

/** What holds whatever the settings say: the memory of the process, and the pace of guesses. */
const PROCESS_LIMITS = {
  sessions: 20_000,
  sessionsPerAddress: 8_000,
  failedLogins: 5,
  failedLoginDelayMilliseconds: 500,
} as const;

/** The limits of sessions on a site with these time-outs. */
export function planSessionLimits(timeouts: SessionTimeouts): SessionLimits {
  return {
    ...PROCESS_LIMITS,
    unauthenticatedSeconds: timeouts.unauthenticatedSeconds,
    idleSessionSeconds: timeouts.controlSeconds,
    dataConnectionSeconds: timeouts.dataSeconds,
    dataIdleSeconds: timeouts.dataSeconds,
  };
}

/** What nobody needs to change. */
export const BOUNDS = {
  /** For the TLS handshake, on either channel. */
  tlsHandshakeSeconds: 20,
  /** For a data connection's handshake that the client began ahead of the reply 150. */
  earlyHandshakeMilliseconds: 1000,
  /** For the client to close its side after our last reply. */
  lingerSeconds: 5,
  /** Commands read ahead while a transfer runs; more stay in the client's socket. */
  queuedCommands: 32,
  /** Bytes received and not yet read as commands; beyond them the socket is paused. */
  unreadBytes: 64 * 1024,
  /** Bytes of replies that the client has not taken; beyond them no command is read. */
  unsentBytes: 64 * 1024,
  /** Without a word from a command that calculates; then a line tells how far it has come. */
  interimMilliseconds: 5000,
  /** Time between two looks at every session's deadline. */
  sweepMilliseconds: 1000,
} as const;
