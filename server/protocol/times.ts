/** Times on the wire: `YYYYMMDDHHMMSS[.sss]`, always UTC (RFC 3659 section 2.3). */

/**
 * Milliseconds since the epoch, or undefined when the text is no date of the calendar. A leap second
 * (60) is none either: no file system can hold one, and the time that is kept must be the one given.
 */
export function parseTimeValue(text: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:\.(\d{1,9}))?$/u.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  if (year === 0 || hour > 23 || minute > 59 || second > 59) return undefined;
  const milliseconds = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, milliseconds);
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month > 0;
  return real ? date.getTime() : undefined;
}

/** Whole seconds: many clients do not read fractions. */
export function formatTimeValue(milliseconds: number): string {
  const date = new Date(milliseconds);
  const day = twoDigits(date.getUTCMonth() + 1) + twoDigits(date.getUTCDate());
  const time = twoDigits(date.getUTCHours()) + twoDigits(date.getUTCMinutes());
  const year = String(date.getUTCFullYear()).padStart(4, "0");
  return year + day + time + twoDigits(date.getUTCSeconds());
}

function twoDigits(value: number): string {
  return value < 10 ? `0${String(value)}` : String(value);
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const HALF_A_YEAR_MS = 182 * 24 * 60 * 60 * 1000;
/** Clocks differ: a file written a moment ago may seem to lie in the future. */
const CLOCK_SKEW_MS = 60 * 1000;

/**
 * The date column of a UNIX-style listing: `Mon dd hh:mm` within the last half year, otherwise
 * `Mon dd  yyyy`. Clients guess the year of the short form as the latest that is not in the
 * future, so dates in the future are always written with their year. UTC, as MDTM and MLSD are.
 */
export function formatListingDate(milliseconds: number, nowMs: number): string {
  const date = new Date(milliseconds);
  const day = `${MONTHS[date.getUTCMonth()] ?? "Jan"} ${String(date.getUTCDate()).padStart(2)}`;
  const recent = milliseconds > nowMs - HALF_A_YEAR_MS && milliseconds <= nowMs + CLOCK_SKEW_MS;
  if (!recent) return `${day}  ${String(date.getUTCFullYear()).padStart(4, "0")}`;
  return `${day} ${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}`;
}

/** `10-02-23  11:21PM`, or with the whole year. UTC. */
export function formatDosDate(milliseconds: number, fourDigitYears: boolean): string {
  const date = new Date(milliseconds);
  const year = String(date.getUTCFullYear())
    .padStart(4, "0")
    .slice(fourDigitYears ? 0 : -2);
  const hour = date.getUTCHours();
  return (
    `${twoDigits(date.getUTCMonth() + 1)}-${twoDigits(date.getUTCDate())}-${year}  ` +
    `${twoDigits(hour % 12 || 12)}:${twoDigits(date.getUTCMinutes())}${hour < 12 ? "AM" : "PM"}`
  );
}
