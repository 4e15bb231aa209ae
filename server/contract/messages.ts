/** What the server says beside its replies, and how its listings look. */
import * as v from "valibot";
import { absentOr, printableText, setting } from "./fields.ts";

/**
 * Variables of messages, as IIS names them. Bytes are counted from the client's side, as IIS does:
 * `BytesReceived` is what the client received.
 */
export const MESSAGE_VARIABLES = [
  "BytesReceived",
  "BytesSent",
  "SessionID",
  "SiteName",
  "UserName",
] as const;
export type MessageVariable = (typeof MESSAGE_VARIABLES)[number];

/** Variables that have a value before anybody has logged in. */
const BEFORE_LOGIN: readonly MessageVariable[] = ["SessionID", "SiteName"];

/** A message in parts: text as it is, and places for variables. */
export type MessagePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "variable"; readonly name: MessageVariable };

export type ParsedMessage =
  | { readonly ok: true; readonly parts: readonly MessagePart[] }
  | { readonly ok: false; readonly unknown: readonly string[] };

/**
 * Reads `%Name%` (any case) as a variable and `%%` as a percent sign. A single `%` stays as it is,
 * so that "100 % of partners" needs no care.
 */
export function parseMessage(text: string): ParsedMessage {
  const parts: MessagePart[] = [];
  const unknown: string[] = [];
  let end = 0;
  for (const match of text.matchAll(/%(?:([A-Za-z]+)%|%)/gu)) {
    if (match.index > end) parts.push({ kind: "text", text: text.slice(end, match.index) });
    end = match.index + match[0].length;
    const written = match[1];
    const name = MESSAGE_VARIABLES.find((known) => known.toLowerCase() === written?.toLowerCase());
    if (written === undefined) parts.push({ kind: "text", text: "%" });
    else if (name === undefined) unknown.push(written);
    else parts.push({ kind: "variable", name });
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return unknown.length === 0 ? { ok: true, parts } : { ok: false, unknown };
}

const LONGEST_MESSAGE = 4096;

const writeVariables = (names: readonly string[]) => names.map((name) => `%${name}%`).join(", ");

const messageSchema = (known: readonly MessageVariable[]) => {
  const unknownIn = (text: string): readonly string[] => {
    const parsed = parseMessage(text);
    if (!parsed.ok) return parsed.unknown;
    return parsed.parts.flatMap((part) =>
      part.kind === "variable" && !known.includes(part.name) ? [part.name] : [],
    );
  };
  return v.pipe(
    printableText(LONGEST_MESSAGE),
    v.check(
      (text) => unknownIn(text).length === 0,
      ({ input }) =>
        `uses ${writeVariables(unknownIn(input))}, which has no value here; use ${writeVariables(known)}, or %% for a percent sign`,
    ),
  );
};

const variables = (known: readonly MessageVariable[]) => `Variables: ${writeVariables(known)}.`;

export const messagesSchema = v.strictObject({
  banner: setting(
    messageSchema(BEFORE_LOGIN),
    "",
    `Greeting of every connection. ${variables(BEFORE_LOGIN)}`,
  ),
  suppressDefaultBanner: setting(
    v.boolean(),
    false,
    "Do not name the server's software in the greeting.",
  ),
  welcome: setting(
    messageSchema(MESSAGE_VARIABLES),
    "",
    `After a login. ${variables(MESSAGE_VARIABLES)}`,
  ),
  exit: setting(
    messageSchema(MESSAGE_VARIABLES),
    "",
    `In reply to QUIT. ${variables(MESSAGE_VARIABLES)}`,
  ),
  maximumClients: setting(
    messageSchema(BEFORE_LOGIN),
    "",
    `To clients beyond a connection limit. ${variables(BEFORE_LOGIN)}`,
  ),
});
export type Messages = v.InferOutput<typeof messagesSchema>;

export const listingSchema = v.strictObject({
  style: setting(v.picklist(["unix", "dos"]), "unix", "Form of LIST: as ls -l, or as MS-DOS dir."),
  fourDigitYears: setting(v.boolean(), false, "MS-DOS style with years of four digits."),
  freeBytes: setting(v.boolean(), false, "End listings with the free bytes of the folder."),
  hiddenFiles: setting(
    v.boolean(),
    true,
    "Show names that begin with a dot; false: only with LIST -a.",
  ),
});
export type Listing = v.InferOutput<typeof listingSchema>;

/** Entries of `siteSchema` that this file is about. */
export const siteMessagesEntries = {
  messages: setting(messagesSchema, {}, "What the server says at the start, login and end."),
  listing: setting(listingSchema, {}, "How listings look."),
  directoryMessageFile: absentOr(
    v.pipe(
      v.string(),
      v.regex(
        /^(?!\.{1,2}$)[^/\u0000-\u001f]{1,255}$/u,
        "is not a file name; write for example .message",
      ),
    ),
    "File whose text a client sees on entering its folder, for example .message; absent: none.",
  ),
} as const;
