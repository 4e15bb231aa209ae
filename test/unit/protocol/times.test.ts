import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatDosDate,
  formatListingDate,
  formatTimeValue,
  parseTimeValue,
} from "../../../server/protocol/times.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

describe("time values", () => {
  it("round-trips every second of four-digit years", () => {
    const last = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800, max: last }), (seconds) => {
        expect(parseTimeValue(formatTimeValue(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });

  it.each([
    ["20240229120000", Date.UTC(2024, 1, 29, 12)],
    ["20240101000000.5", Date.UTC(2024, 0, 1, 0, 0, 0, 500)],
    ["00010101000000", -62_135_596_800_000],
  ])("reads %s", (text, expected) => {
    expect(parseTimeValue(text)).toBe(expected);
  });

  it.each([
    "20230229120000",
    "20240231120000",
    "20240431000000",
    "20241301000000",
    "20240001000000",
    "20240100000000",
    "20240101240000",
    "20240101006000",
    "20240101000060",
    "00000101000000",
    "2024010100000",
    "202401010000000",
    "x0240101000000",
    "",
  ])("refuses %j, which is no moment of the calendar", (text) => {
    expect(parseTimeValue(text)).toBeUndefined();
  });
});

/** Any moment of the years that have four digits, in any order, so that days come and go. */
const moments = fc.integer({ min: -62_135_596_800_000, max: Date.UTC(10_000, 0, 1) - 1 });

describe("what listings write", () => {
  it("is the calendar's date and time, whatever day was written before", () => {
    fc.assert(
      fc.property(moments, moments, (ms, nowMs) => {
        const iso = new Date(ms).toISOString();
        const [year = "", month = "", day = "", hour = "", minute = ""] = iso.split(/[-T:]/u);
        const monthName = new Date(ms).toUTCString().slice(8, 11);
        const half = Number(hour) < 12 ? "AM" : "PM";
        const twelve = String(Number(hour) % 12 || 12).padStart(2, "0");
        expect(formatTimeValue(ms)).toBe(iso.replaceAll(/[-T:]|\.\d+Z/gu, ""));
        expect(formatDosDate(ms, true)).toBe(`${month}-${day}-${year}  ${twelve}:${minute}${half}`);
        expect(formatListingDate(ms, ms)).toBe(
          `${monthName} ${day.replace(/^0/u, " ")} ${hour}:${minute}`,
        );
        expect(formatListingDate(nowMs, nowMs - 61_000)).toMatch(/ {2}\d{4}$/u);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("dates of listings", () => {
  const now = Date.UTC(2026, 10, 21, 12);

  it.each([
    [now, "Nov 21 12:00"],
    [now - DAY_MS, "Nov 20 12:00"],
    [now - 200 * DAY_MS, "May  5  2026"],
    [now + DAY_MS, "Nov 22  2026"],
    [now + 365 * DAY_MS, "Nov 21  2027"],
    [0, "Jan  1  1970"],
  ])("%d is %s", (ms, expected) => {
    expect(formatListingDate(ms, now)).toBe(expected);
  });

  it("is read back within a day by a client that guesses the latest past year", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(2099, 0) }), (ms) => {
        const text = formatListingDate(ms, now);
        const short = /^(\w{3}) ([ \d]\d) \d\d:\d\d$/.exec(text);
        const date = new Date(ms);
        if (short === null) {
          expect(text.slice(-4)).toBe(String(date.getUTCFullYear()));
          return;
        }
        const thisYear = Date.parse(`${short[1] ?? ""} ${short[2] ?? ""} 2026 UTC`);
        const guessed = thisYear > now + DAY_MS ? 2025 : 2026;
        expect(guessed).toBe(date.getUTCFullYear());
      }),
      { numRuns: 2000 },
    );
  });
});
