/**
 * Bounds of sessions, in one place, with their units. They hold for every client alike; a later
 * version reads them from the settings.
 */

export const LIMITS = {
  /** Sessions of one process. */
  sessions: 20_000,
  /** Sessions of one client address; many users may share one behind a NAT. */
  sessionsPerAddress: 200,
  /** From the connection to a login. */
  unauthenticatedSeconds: 60,
  /** Without a command; never while a transfer runs. Keepalive notices dead peers much earlier. */
  idleSessionSeconds: 30 * 60,
  /** From the reply 150 to an open data connection. */
  dataConnectionSeconds: 30,
  /** A data connection on which no byte moves. */
  dataIdleSeconds: 5 * 60,
  /** For the TLS handshake, on either channel. */
  tlsHandshakeSeconds: 20,
  /** For a data connection's handshake that the client began ahead of the reply 150. */
  earlyHandshakeMilliseconds: 1000,
  /** For the client to close its side after our last reply. */
  lingerSeconds: 5,
  /** For running transfers when the server drains. */
  drainSeconds: 60,
  /** Commands read ahead while a transfer runs; more stay in the client's socket. */
  queuedCommands: 32,
  /** Bytes received and not yet read as commands; beyond them the socket is paused. */
  unreadBytes: 64 * 1024,
  /** Bytes of replies that the client has not taken; beyond them no command is read. */
  unsentBytes: 64 * 1024,
  /** Failed logins of one session until it is closed. */
  failedLogins: 5,
  /** Delay of the reply to a failed login, times the number of failures so far. */
  failedLoginDelayMilliseconds: 500,
  /** Time between two looks at every session's deadline. */
  sweepMilliseconds: 1000,
} as const;
