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

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A day of the calendar, UTC, in the parts that formats put together. */
interface Day {
  /** Days since the epoch. */
  readonly number: number;
  readonly year: string;
  readonly month: string;
  readonly monthName: string;
  readonly dayOfMonth: string;
  /** ` 1` to `31`. */
  readonly column: string;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

function toDay(number: number): Day {
  const date = new Date(number * DAY_MS);
  return {
    number,
    year: String(date.getUTCFullYear()).padStart(4, "0"),
    month: twoDigits(date.getUTCMonth() + 1),
    monthName: MONTHS[date.getUTCMonth()] ?? "Jan",
    dayOfMonth: twoDigits(date.getUTCDate()),
    column: String(date.getUTCDate()).padStart(2),
  };
}

/** The day asked for last: of a large folder's entries, one after the other, most are of the same. */
let latest = toDay(0);

function dayOf(milliseconds: number): Day {
  const number = Math.floor(milliseconds / DAY_MS);
  if (number !== latest.number) latest = toDay(number);
  return latest;
}

const hourOf = (milliseconds: number): number => within(milliseconds, DAY_MS, HOUR_MS);
const minuteOf = (milliseconds: number): number => within(milliseconds, HOUR_MS, MINUTE_MS);
const secondOf = (milliseconds: number): number => within(milliseconds, MINUTE_MS, SECOND_MS);

/** Whole units of the begun larger one. */
function within(milliseconds: number, largerMs: number, unitMs: number): number {
  return Math.floor((milliseconds - Math.floor(milliseconds / largerMs) * largerMs) / unitMs);
}

/** Whole seconds: many clients do not read fractions. */
export function formatTimeValue(milliseconds: number): string {
  const day = dayOf(milliseconds);
  const time = twoDigits(hourOf(milliseconds)) + twoDigits(minuteOf(milliseconds));
  return day.year + day.month + day.dayOfMonth + time + twoDigits(secondOf(milliseconds));
}

function twoDigits(value: number): string {
  return value < 10 ? `0${String(value)}` : String(value);
}

const HALF_A_YEAR_MS = 182 * DAY_MS;
/** Clocks differ: a file written a moment ago may seem to lie in the future. */
const CLOCK_SKEW_MS = MINUTE_MS;

/**
 * The date column of a UNIX-style listing: `Mon dd hh:mm` within the last half year, otherwise
 * `Mon dd  yyyy`. Clients guess the year of the short form as the latest that is not in the
 * future, so dates in the future are always written with their year. UTC, as MDTM and MLSD are.
 */
export function formatListingDate(milliseconds: number, nowMs: number): string {
  const day = dayOf(milliseconds);
  const recent = milliseconds > nowMs - HALF_A_YEAR_MS && milliseconds <= nowMs + CLOCK_SKEW_MS;
  const time = recent
    ? `${twoDigits(hourOf(milliseconds))}:${twoDigits(minuteOf(milliseconds))}`
    : ` ${day.year}`;
  return `${day.monthName} ${day.column} ${time}`;
}

/** `10-02-23  11:21PM`, or with the whole year. UTC. */
export function formatDosDate(milliseconds: number, fourDigitYears: boolean): string {
  const day = dayOf(milliseconds);
  const year = day.year.slice(fourDigitYears ? 0 : -2);
  const hour = hourOf(milliseconds);
  return (
    `${day.month}-${day.dayOfMonth}-${year}  ` +
    `${twoDigits(hour % 12 || 12)}:${twoDigits(minuteOf(milliseconds))}${hour < 12 ? "AM" : "PM"}`
  );
}
