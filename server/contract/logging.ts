/** Settings of the W3C extended log, with the names that IIS administrators know. */
import * as v from "valibot";

/** Every field that can be logged, in the order in which they are written. */
export const W3C_FIELDS = [
  "date",
  "time",
  "c-ip",
  "c-port",
  "cs-username",
  "s-sitename",
  "s-computername",
  "s-ip",
  "s-port",
  "cs-method",
  "cs-uri-stem",
  "cs-host",
  "sc-status",
  "sc-win32-status",
  "sc-substatus",
  "sc-bytes",
  "cs-bytes",
  "time-taken",
  "x-session",
  "x-fullpath",
  "x-debug",
] as const;
export type W3cField = (typeof W3C_FIELDS)[number];

/** When a log file is closed and the next one begun. */
export const LOG_ROLLOVERS = ["size", "hour", "day", "week", "month"] as const;
export type LogRollover = (typeof LOG_ROLLOVERS)[number];

export const w3cLogSchema = v.strictObject({
  enabled: v.optional(v.pipe(v.boolean(), v.description("Write a W3C extended log.")), false),
  folder: v.optional(
    v.pipe(v.string(), v.description("Folder of the log files, relative to the settings file.")),
    "log",
  ),
  fields: v.optional(
    v.pipe(v.array(v.picklist(W3C_FIELDS)), v.description("Fields of each line.")),
    [...W3C_FIELDS],
  ),
  rollover: v.optional(
    v.pipe(
      v.picklist(LOG_ROLLOVERS),
      v.description("A new file by size, hour, day, week or month (UTC)."),
    ),
    "day",
  ),
  maxFileBytes: v.optional(
    v.pipe(
      v.number(),
      v.integer("is not a whole number"),
      v.minValue(1_048_576, "is below 1 MiB"),
      v.description("For rollover by size: a new file beyond this many bytes."),
    ),
    20_971_520,
  ),
  perSite: v.optional(
    v.pipe(
      v.boolean(),
      v.description("One folder of log files per site instead of one for the server."),
    ),
    false,
  ),
});
export type W3cLogSettings = v.InferOutput<typeof w3cLogSchema>;
