/** Logs one JSON object per line. JSON escapes control characters, so no client can forge a line. */
import type { Writable } from "node:stream";
import type { LogFields, Logger, LogLevel } from "./logger.ts";

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 } as const satisfies Record<LogLevel, number>;

export class JsonLogger implements Logger {
  readonly #stream: Writable;
  readonly #fields: LogFields;
  readonly #lowest: LogLevel;

  /** @param lowest records below this level are left out. */
  constructor(stream: Writable, fields: LogFields = {}, lowest: LogLevel = "debug") {
    this.#stream = stream;
    this.#fields = fields;
    this.#lowest = lowest;
  }

  log(level: LogLevel, event: string, fields?: LogFields): void {
    if (LEVELS[level] < LEVELS[this.#lowest]) return;
    const time = new Date().toISOString();
    const record = { time, level, event, ...this.#fields, ...fields };
    this.#stream.write(`${escapeSeparators(JSON.stringify(record))}\n`);
  }

  with(fields: LogFields): Logger {
    return new JsonLogger(this.#stream, { ...this.#fields, ...fields }, this.#lowest);
  }
}

/**
 * JSON leaves DEL, the C1 controls, the Unicode line separators and format characters (U+202E turns
 * the text after it around) as they are; terminals and some log readers act on them.
 */
function escapeSeparators(json: string): string {
  return json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCodeUnits);
}

/** One `\uXXXX` per UTF-16 code unit (RFC 8259, section 7). */
function escapeCodeUnits(character: string): string {
  let escaped = "";
  for (let index = 0; index < character.length; index++) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/** Logs nothing, for tests and measurements. */
export const NULL_LOGGER: Logger = {
  log: () => undefined,
  with: () => NULL_LOGGER,
};
