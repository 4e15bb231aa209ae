/**
 * The logging interface. Records are structured; adapters decide the form (JSON lines, W3C).
 * Passwords never reach a record, and adapters escape control characters that clients send.
 */

export type LogLevel = "debug" | "info" | "warn" | "error";

/** One field per fact; values are printed as JSON. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  log(level: LogLevel, event: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every record, for example the session's id. */
  with(fields: LogFields): Logger;
}
