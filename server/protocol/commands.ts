/** From a line to verb and argument (RFC 959 section 5.3). */

export interface ParsedCommand {
  /** Upper case, 1 to 16 letters and digits. */
  readonly verb: string;
  /** Everything behind the one space after the verb; undefined without one. */
  readonly argument: string | undefined;
}

/** Undefined when the line does not begin with a verb. */
export function parseCommand(line: string): ParsedCommand | undefined {
  const match = /^([A-Za-z][A-Za-z0-9]{0,15})(?: (.*))?$/su.exec(line);
  if (match === null) {
    // `NOOP` with blanks other than one space behind it still is NOOP.
    const blank = /^([A-Za-z][A-Za-z0-9]{0,15})\s+$/u.exec(line);
    return blank === null ? undefined : { verb: upper(blank[1]), argument: undefined };
  }
  const argument = match[2];
  return { verb: upper(match[1]), argument: argument === "" ? undefined : argument };
}

function upper(verb: string | undefined): string {
  return (verb ?? "").toUpperCase();
}

/** Request methods of HTTP and WebDAV (RFC 9110, RFC 4918 and those that build on it). */
const HTTP_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "PRI",
  ...["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT"],
  ...["MKCALENDAR", "ACL", "BIND", "UNBIND", "REBIND", "CHECKIN", "CHECKOUT", "MKACTIVITY"],
]);

/** The end of a request line, whatever its method: `HTTP/1.1`, and the protocols made after it. */
const REQUEST_LINE = /\s(?:HTTP|RTSP|SIP|ICAP)\/\d(?:\.\d)?\s*$/iu;

/**
 * True for the first line of a web request. A browser that was tricked into talking to an FTP server
 * sends one; none of what follows, headers and body, may run as commands.
 */
export function isWebRequest(line: string): boolean {
  const method = /^[A-Z]+(?=\s|$)/iu.exec(line)?.[0].toUpperCase();
  return (method !== undefined && HTTP_METHODS.has(method)) || REQUEST_LINE.test(line);
}
