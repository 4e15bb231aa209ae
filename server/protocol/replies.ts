/**
 * Replies by name (RFC 959 section 4.2, and the RFCs that add to it). Codes are written here and
 * nowhere else.
 */

export interface Reply {
  readonly code: number;
  /** One line, or several for a multi-line reply. Text may hold anything; formatting cleans it. */
  readonly lines: readonly string[];
}

const named =
  (code: number) =>
  (...lines: readonly [string, ...string[]]): Reply => ({ code, lines });

export const reply = {
  opening: named(150),
  ok: named(200),
  superfluous: named(202),
  systemStatus: named(211),
  directoryStatus: named(212),
  fileStatus: named(213),
  help: named(214),
  systemType: named(215),
  greeting: named(220),
  goodbye: named(221),
  transferComplete: named(226),
  passive: named(227),
  extendedPassive: named(229),
  loggedIn: named(230),
  securityExchanged: named(234),
  completed: named(250),
  pathname: named(257),
  passwordNeeded: named(331),
  pending: named(350),
  serviceClosing: named(421),
  noDataConnection: named(425),
  transferAborted: named(426),
  securityUnavailable: named(431),
  fileBusy: named(450),
  localError: named(451),
  noSpace: named(452),
  unknownCommand: named(500),
  syntaxError: named(501),
  notImplemented: named(502),
  badSequence: named(503),
  parameterNotImplemented: named(504),
  protectionMismatch: named(521),
  /** RFC 2428: the network protocol is not supported. */
  protocolUnsupported: named(522),
  /** RFC 4217: TLS failed on the data connection. */
  dataTlsFailed: named(522),
  notLoggedIn: named(530),
  protectionDenied: named(533),
  policyDenied: named(534),
  protectionUnsupported: named(536),
  fileUnavailable: named(550),
  quotaExceeded: named(552),
  nameNotAllowed: named(553),
  /** RFC 3659 section 5.4: the restart offset does not fit. */
  invalidRestart: named(554),
  /** RFC 1123 section 4.1.2.11: the transfer type does not fit. */
  typeMismatch: named(555),
} as const satisfies Record<string, (...lines: readonly [string, ...string[]]) => Reply>;

/** The welcome of somebody whom a certificate has logged in: 232 (RFC 2228, 3). */
export function authorized(welcome: Reply): Reply {
  return welcome.code === 230 ? { ...welcome, code: 232 } : welcome;
}

/**
 * A reply as it goes over the wire. Line breaks and NUL inside the text become `?`, and an inner line that could be taken for the end of the reply is indented.
 */
export function formatReply({ code, lines }: Reply): string {
  const clean = lines.map(cleanText);
  const last = clean.at(-1) ?? "";
  if (clean.length <= 1) return `${String(code)} ${last}\r\n`;
  const [first = "", ...inner] = clean.slice(0, -1);
  const middle = inner.map((line) => `${/^\d{3}/u.test(line) ? " " : ""}${line}\r\n`).join("");
  return `${formatReplyStart(code, first)}${middle}${String(code)} ${last}\r\n`;
}

/** First line of a multi-line reply whose other lines are streamed. */
export function formatReplyStart(code: number, text: string): string {
  return `${String(code)}-${cleanText(text)}\r\n`;
}

const LINE_BREAKERS = /[\u0000\r\n]/gu;

/** Replaces everything that could forge a line. */
export function cleanText(text: string): string {
  return text.replace(LINE_BREAKERS, "?");
}
