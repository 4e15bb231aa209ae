import { PassThrough } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonLogger, NULL_LOGGER } from "../../../server/logging/json-logger.ts";
import { EVERY_CHARACTER } from "../../support/every-character.ts";

function logInto() {
  const stream = new PassThrough();
  const written = (): string => (stream.read() as Buffer | null)?.toString() ?? "";
  return { stream, written };
}

test("one record is one line of JSON with time, level, event and every field", () => {
  const { stream, written } = logInto();
  new JsonLogger(stream, { session: "7" }).with({ peer: "::1" }).log("warn", "odd", { bytes: 3 });
  const line = written();
  expect(line.endsWith("\n")).toBe(true);
  const { time, ...record } = JSON.parse(line) as Record<string, unknown>;
  expect(record).toEqual({ level: "warn", event: "odd", session: "7", peer: "::1", bytes: 3 });
  expect(new Date(String(time)).toISOString()).toBe(time);
});

test("no text of a client breaks out of its line or reaches a terminal as a control", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const { stream, written } = logInto();
      new JsonLogger(stream).log("info", "command", { argument: text });
      const line = written();
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
      expect((JSON.parse(line) as { argument: string }).argument).toBe(text);
    }),
  );
});

test.each([
  ["\u202E", "\\u202e"],
  ["\uFEFF", "\\ufeff"],
  ["\u{E0041}", "\\udb40\\udc41"],
])("%j is written escaped", (text, escaped) => {
  const { stream, written } = logInto();
  new JsonLogger(stream).log("info", "command", { argument: text });
  expect(written()).toContain(`"argument":"${escaped}"`);
});

test("every character of Unicode is written, and read back", () => {
  const { stream, written } = logInto();
  new JsonLogger(stream).log("info", "command", { argument: EVERY_CHARACTER });
  const line = written();
  expect(line.slice(0, -1).match(/[\p{Cc}\p{Cf}\u2028\u2029]/gu)).toBeNull();
  expect((JSON.parse(line) as { argument: string }).argument === EVERY_CHARACTER).toBe(true);
});

test("records below the lowest level are left out", () => {
  const { stream, written } = logInto();
  const logger = new JsonLogger(stream, {}, "warn");
  logger.log("info", "quiet");
  expect(written()).toBe("");
  logger.log("error", "loud");
  expect(written()).toContain("loud");
});

test("the logger for nothing stays itself", () => {
  expect(NULL_LOGGER.with({ session: "1" })).toBe(NULL_LOGGER);
});
