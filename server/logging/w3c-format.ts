/**
 * Lines of the W3C extended log format (https://www.w3.org/TR/WD-logfile.html) as IIS writes them
 * for FTP: one line per command, plus ControlChannelOpened, ControlChannelClosed,
 * DataChannelOpened and DataChannelClosed. Pure.
 */
import { W3C_FIELDS, type W3cField } from "#contract";

/** What happened, as far as it is known. Absent facts are written as `-`. */
export interface W3cRecord {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly clientAddress?: string | undefined;
  readonly clientPort?: number | undefined;
  readonly userName?: string | undefined;
  readonly siteName?: string | undefined;
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  /** Verb, or the name of a channel event. */
  readonly method: string;
  /** Argument of the verb; of PASS it is never given to the log. */
  readonly argument?: string | undefined;
  readonly hostName?: string | undefined;
  /** Reply code. */
  readonly status?: number | undefined;
  /** What kind of rule, limit or failure was behind a reply; absent: none. */
  readonly substatus?: number | undefined;
  /** The Windows error that says the same. */
  readonly win32Status?: number | undefined;
  readonly bytesSent?: number | undefined;
  readonly bytesReceived?: number | undefined;
  readonly tookMs?: number | undefined;
  readonly sessionId?: string | undefined;
  readonly virtualPath?: string | undefined;
  /** A plain-language reason for a failure. */
  readonly reason?: string | undefined;
}

const two = (value: number): string => String(value).padStart(2, "0");

let lastSecond = { second: 0, text: "1970-01-01T00:00:00" };

/** `2026-11-21T12:30:45`. Most lines fall into the second of the one before. */
function toSecond(atMs: number): string {
  const second = Math.floor(atMs / 1000);
  if (second !== lastSecond.second) {
    lastSecond = { second, text: new Date(atMs).toISOString().slice(0, 19) };
  }
  return lastSecond.text;
}

/** What a field prints, per field; undefined prints `-`. */
const VALUES = {
  date: ({ atMs }) => toSecond(atMs).slice(0, 10),
  time: ({ atMs }) => toSecond(atMs).slice(11),
  "c-ip": ({ clientAddress }) => clientAddress,
  "c-port": ({ clientPort }) => clientPort,
  "cs-username": ({ userName }) => userName,
  "s-sitename": ({ siteName }) => siteName,
  "s-computername": (_record, computerName) => computerName,
  "s-ip": ({ serverAddress }) => serverAddress,
  "s-port": ({ serverPort }) => serverPort,
  "cs-method": ({ method }) => method,
  "cs-uri-stem": ({ argument, method }) => (method === "PASS" ? "***" : argument),
  "cs-host": ({ hostName }) => hostName,
  "sc-status": ({ status }) => status,
  // Parsers expect a number: 0 for none, as in IIS.
  "sc-win32-status": ({ win32Status }) => win32Status ?? 0,
  "sc-substatus": ({ substatus }) => substatus ?? 0,
  "sc-bytes": ({ bytesSent }) => bytesSent,
  "cs-bytes": ({ bytesReceived }) => bytesReceived,
  "time-taken": ({ tookMs }) => tookMs,
  "x-session": ({ sessionId }) => sessionId,
  "x-fullpath": ({ virtualPath }) => virtualPath,
  "x-debug": ({ reason }) => reason,
} as const satisfies Record<
  W3cField,
  (record: W3cRecord, computerName: string) => string | number | undefined
>;

/** The directives at the head of each file. */
export function formatW3cHeader(fields: readonly W3cField[], atMs: number): string {
  return [
    "#Software: Gangway",
    "#Version: 1.0",
    `#Date: ${toSecond(atMs).replace("T", " ")}`,
    `#Fields: ${inOrder(fields).join(" ")}`,
    "",
  ].join("\n");
}

/** One line with its line feed. */
export function formatW3cLine(
  fields: readonly W3cField[],
  record: W3cRecord,
  computerName: string,
): string {
  return `${inOrder(fields)
    .map((field) => escapeW3c(VALUES[field](record, computerName)))
    .join(" ")}\n`;
}

/** Once for all lines of a log. */
const knownOrders = new WeakMap<readonly W3cField[], readonly W3cField[]>();

/** The chosen fields in the format's own order, whatever order the settings name them in. */
function inOrder(fields: readonly W3cField[]): readonly W3cField[] {
  const known = knownOrders.get(fields);
  if (known !== undefined) return known;
  const ordered = W3C_FIELDS.filter((field) => fields.includes(field));
  knownOrders.set(fields, ordered);
  return ordered;
}

/**
 * A value that cannot break its line or its column: spaces become `+` as in IIS, and percent-encoded
 * are `+` and `%` themselves, so that the original can be read back, and what could forge a line, a
 * column or what a terminal shows: controls (C0 and C1), every other Unicode space and separator
 * (parsers split at them as at a space), and format characters (U+FEFF, which some take for a space;
 * U+202E, which turns the text after it around). So is a `#` at the beginning, because a line that
 * begins with one tells what the columns are, and a lone `-`, which says that there is no value.
 */
export function escapeW3c(value: string | number | undefined): string {
  if (value === undefined || value === "") return "-";
  if (typeof value === "number") return String(value);
  return value
    .replace(/^-$|^#|[[\p{Cc}\p{Cf}\p{Z}%+]--[ ]]/gv, (character) => percentEncode(character))
    .replaceAll(" ", "+");
}

function percentEncode(character: string): string {
  return [...new TextEncoder().encode(character)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

/** Name of the file that holds `atMs`, by the names of IIS; undefined when size alone decides. */
export function formatPeriodName(
  rollover: "hour" | "day" | "week" | "month",
  atMs: number,
): string {
  const date = new Date(atMs);
  const month = `u_ex${two(date.getUTCFullYear() % 100)}${two(date.getUTCMonth() + 1)}`;
  const day = two(date.getUTCDate());
  const names = {
    month: () => month,
    week: () => `${month}${two(weekOfMonth(date))}`,
    day: () => `${month}${day}`,
    hour: () => `${month}${day}${two(date.getUTCHours())}`,
  } as const satisfies Record<typeof rollover, () => string>;
  return `${names[rollover]()}.log`;
}

/** 1 to 6; weeks begin on Sunday. */
function weekOfMonth(date: Date): number {
  const firstWeekday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)).getUTCDay();
  return Math.floor((date.getUTCDate() - 1 + firstWeekday) / 7) + 1;
}
