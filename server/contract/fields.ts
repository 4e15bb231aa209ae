/** What the schemas are made of: fields with a description, names, paths, whole numbers. */
import * as v from "valibot";

/** A setting that may be left out; then `byDefault` stands. */
export const setting = <const S extends v.GenericSchema, const D extends v.InferInput<S>>(
  schema: S,
  byDefault: D,
  description: string,
) => v.optional(v.pipe(schema, v.description(description)), byDefault);

/** A setting that must be written. */
export const required = <const S extends v.GenericSchema>(schema: S, description: string) =>
  v.pipe(schema, v.description(description));

/** A setting whose absence has a meaning of its own, which the description says. */
export const absentOr = <const S extends v.GenericSchema>(schema: S, description: string) =>
  v.optional(v.pipe(schema, v.description(description)));

/** @param typeProblem what to say of something that is no number, as `problem; fix`. */
export const wholeNumber = (lowest: number, highest: number, typeProblem?: string) =>
  v.pipe(
    typeProblem === undefined ? v.number() : v.number(typeProblem),
    v.integer("is not a whole number; write it without a fraction"),
    v.minValue(lowest, `is below ${String(lowest)}`),
    v.maxValue(highest, `is above ${String(highest)}`),
  );

/** Names of accounts, groups, domains and sites: none of the separators of `host|user` logins. */
export const nameSchema = v.pipe(
  v.string(),
  v.regex(
    /^[^\s|\\/:\u0000-\u001f\u007f]{1,64}$/u,
    "is not a name; write 1 to 64 characters without spaces, |, \\, / or :",
  ),
  v.check((name) => name !== "." && name !== "..", 'is not a name; "." and ".." name folders'),
);

/** An absolute path as clients see it: `/` or `/folder/sub`. */
export const virtualPathSchema = v.pipe(
  v.string(),
  v.regex(
    /^\/(?:[^/\u0000-\u001f]+(?:\/[^/\u0000-\u001f]+)*)?$/u,
    'is not an absolute path; write for example "/" or "/incoming", without a slash at the end',
  ),
  v.check(
    (path) => !path.split("/").some((segment) => segment === "." || segment === ".."),
    'holds "." or ".."; write the path that they lead to',
  ),
);

/** A folder below the data folder of the machine: relative, without `.` and `..`. */
export const folderSchema = v.pipe(
  v.string(),
  v.regex(
    /^(?!\/)[^\u0000-\u001f]*$/u,
    "is not a folder relative to the data folder; leave out the leading slash",
  ),
  v.check(
    (path) => !path.split("/").includes(".."),
    'holds ".."; name a folder inside the data folder',
  ),
);

/** Text of one or several lines without control characters, as a reply can carry it. */
export const printableText = (longest: number) =>
  v.pipe(
    v.string(),
    v.maxLength(longest, `is longer than ${String(longest)} characters; shorten it`),
    v.regex(
      /^[^\u0000-\u0009\u000b-\u001f\u007f]*$/u,
      "holds control characters; only line breaks (\\n) are allowed",
    ),
  );
