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

/**
 * Request methods of HTTP and its kin. A browser that was tricked into talking to an FTP server
 * sends one of them first; none of what follows may run as commands.
 */
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
]);

/** True when a verb can only come from a web client. */
export function isHttpMethod(verb: string): boolean {
  return HTTP_METHODS.has(verb);
}
