/**
 * Who may do what, as IIS administrators know it: authorization rules, request filtering, address
 * and domain restrictions, logon attempt restrictions. Isolation, limits and messages are beside.
 *
 * Every path of a rule is a path of the site, as the site's administrator sees it: an isolated
 * account's `/a.txt` is the site's `/LocalUser/NAME/a.txt`. Paths are compared exactly, like names
 * on the disk of the machine; file extensions, hidden segments and sequences without case, as in
 * IIS.
 */
import * as v from "valibot";
import { parseAddressBlocks } from "./address-blocks.ts";
import {
  absentOr,
  nameSchema,
  required,
  setting,
  virtualPathSchema,
  wholeNumber,
} from "./fields.ts";
import type { Permission } from "./sites.ts";

export * from "./address-blocks.ts";
export * from "./isolation.ts";
export * from "./limits.ts";
export * from "./messages.ts";

const effectSchema = v.picklist(["allow", "deny"]);
export type Effect = v.InferOutput<typeof effectSchema>;

/** The permissions of `sites.ts`; a type only, so that `sites.ts` can import this file. */
const PERMISSION_NAMES = [
  "read",
  "write",
  "list",
  "create",
  "overwrite",
  "append",
  "rename",
  "delete",
  "makeDirectory",
] as const satisfies readonly Permission[];

/** Everybody, signed in or anonymous. */
export const ALL_USERS = "*";
/** Whoever is logged in as an anonymous account. */
export const ANONYMOUS_USERS = "?";

const userSchema = v.pipe(
  v.string(),
  v.check(
    (user) => user === ALL_USERS || user === ANONYMOUS_USERS || v.is(nameSchema, user),
    'is not a user; write "*" (everybody), "?" (anonymous) or the name of an account',
  ),
);

export const authorizationRuleSchema = v.pipe(
  v.strictObject({
    effect: required(effectSchema, "allow or deny; deny wins over allow at the same path."),
    path: setting(
      virtualPathSchema,
      "/",
      "File or folder of the site; inherited by everything below. The nearest path wins.",
    ),
    users: setting(
      v.array(userSchema),
      [],
      'Accounts that the rule is for; "*" everybody, "?" anonymous.',
    ),
    groups: setting(v.array(nameSchema), [], "Groups that the rule is for."),
    permissions: setting(
      v.pipe(
        v.array(v.picklist(PERMISSION_NAMES)),
        v.minLength(1, "grants and denies nothing; name a permission, for example read"),
      ),
      ["read", "write"],
      "read (list, read), write (create, overwrite, append, rename, delete, makeDirectory), or single rights.",
    ),
  }),
  v.check(
    ({ users, groups }) => users.length + groups.length > 0,
    'is for nobody; name users or groups, for example users: ["*"]',
  ),
);
export type AuthorizationRule = v.InferOutput<typeof authorizationRuleSchema>;

const extensionSchema = v.pipe(
  v.string(),
  v.regex(
    /^\.(?:[^./\u0000-\u001f]+(?:\.[^./\u0000-\u001f]+)*)?$/u,
    'is not a file extension; write for example ".exe", or "." for names without extension',
  ),
);

const segmentSchema = v.pipe(
  v.string(),
  v.regex(/^[^/\u0000-\u001f]{1,255}$/u, 'is not the name of a file or folder; leave out any "/"'),
);

const sequenceSchema = v.pipe(
  v.string(),
  v.minLength(1, "is empty and would deny everything; remove it or write a sequence"),
);

const commandSchema = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z]{1,8}(?: [A-Za-z0-9]{1,12})?$/u,
    'is not a command; write for example "DELE" or "SITE CHMOD"',
  ),
);

const listMode = v.picklist(["deny", "allow"]);

/** Without these, an allow-list of commands would keep everybody out. */
const LOGIN_COMMANDS = ["USER", "PASS"];

export const requestFilteringSchema = v.strictObject({
  fileExtensions: setting(
    v.strictObject({
      mode: setting(listMode, "deny", "deny the listed extensions, or allow nothing else."),
      extensions: setting(v.array(extensionSchema), [], 'Such as ".exe"; "." means no extension.'),
    }),
    {},
    "File extensions; only files are filtered, not folders.",
  ),
  hiddenSegments: setting(
    v.array(segmentSchema),
    [],
    "Names that neither appear in listings nor can be reached, at any depth.",
  ),
  deniedUrlSequences: setting(v.array(sequenceSchema), [], "Texts that no path may contain."),
  commands: setting(
    v.pipe(
      v.strictObject({
        mode: setting(listMode, "deny", "deny the listed commands, or allow nothing else."),
        names: setting(v.array(commandSchema), [], 'Such as "DELE" or "SITE CHMOD".'),
      }),
      v.check(
        ({ mode, names }) =>
          mode === "deny" ||
          LOGIN_COMMANDS.every((verb) => names.some((name) => name.toUpperCase() === verb)),
        "lets nobody log in; add USER and PASS to names",
      ),
    ),
    {},
    "Commands that clients may send; QUIT is always allowed.",
  ),
  maximumPathBytes: setting(wholeNumber(1, 4096), 4096, "Longest path in bytes of UTF-8."),
  highBitCharacters: setting(
    v.picklist(["allow", "deny"]),
    "allow",
    "Characters beyond ASCII in paths.",
  ),
});
export type RequestFiltering = v.InferOutput<typeof requestFilteringSchema>;

/** An address, block or `*`. The message says what is wrong with this very text. */
const addressBlockSchema = v.pipe(
  v.string(),
  v.check(
    (text) => parseAddressBlocks(text).ok,
    ({ input }) => {
      const parsed = parseAddressBlocks(input);
      return parsed.ok ? "" : `${parsed.problem}; ${parsed.fix}`;
    },
  ),
);

const hostNameSchema = v.pipe(
  v.string(),
  v.regex(
    /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/iu,
    "is not a host name; write for example partner.example or *.partner.example",
  ),
);

export const ipRuleSchema = v.pipe(
  v.strictObject({
    effect: required(effectSchema, "allow or deny; of the rules of one path the first match wins."),
    path: setting(virtualPathSchema, "/", "Folder or file of the site; the nearest path wins."),
    address: absentOr(
      addressBlockSchema,
      "Address, CIDR block, address/mask, or * for every client.",
    ),
    hostName: absentOr(
      hostNameSchema,
      "Name of the client, found by reverse lookup and confirmed forward; *. stands for all below.",
    ),
  }),
  v.check(
    ({ address, hostName }) => (address === undefined) !== (hostName === undefined),
    "needs one kind of client; write either address or hostName",
  ),
);
export type IpRule = v.InferOutput<typeof ipRuleSchema>;

export const ipRestrictionsSchema = v.strictObject({
  unspecifiedClients: setting(effectSchema, "allow", "Clients that no rule matches."),
  rules: setting(v.array(ipRuleSchema), [], "Rules, evaluated in this order at each path."),
  healthCheckAddresses: setting(
    v.array(addressBlockSchema),
    ["127.0.0.1", "::1"],
    "Where the machine's own health check comes from: greeted before every rule, however many clients are connected; empty: no exemption.",
  ),
  lookupTimeoutSeconds: setting(
    wholeNumber(1, 30),
    3,
    "Longest wait for the client's host name; after that no rule with hostName matches.",
  ),
});
export type IpRestrictions = v.InferOutput<typeof ipRestrictionsSchema>;

export const logonAttemptsSchema = v.strictObject({
  mode: setting(
    v.picklist(["deny", "logOnly", "off"]),
    "deny",
    "deny the address for a while, only log that it would be denied, or off.",
  ),
  failures: setting(wholeNumber(1, 100), 10, "Failed logons within the window that deny."),
  windowSeconds: setting(wholeNumber(1, 86_400), 300, "Window in which failures are counted."),
  denySeconds: setting(wholeNumber(1, 604_800), 900, "How long the address stays denied."),
  allowList: setting(v.array(addressBlockSchema), [], "Addresses that are never denied."),
});
export type LogonAttempts = v.InferOutput<typeof logonAttemptsSchema>;

/** `2027-01-31` (valid to the end of that day, UTC) or a moment, `2027-01-31T18:00:00Z`. */
const EXPIRY =
  /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/u;

/** When an account stops being valid, in ms since the epoch; undefined when malformed. */
export function parseExpiry(text: string): number | undefined {
  if (!EXPIRY.test(text)) return undefined;
  const day = text.slice(0, 10);
  const midnightMs = Date.parse(`${day}T00:00:00Z`);
  // Date.parse moves 31 February to March; such a date is a mistake.
  if (Number.isNaN(midnightMs) || new Date(midnightMs).toISOString().slice(0, 10) !== day) {
    return undefined;
  }
  const momentMs = text.length === 10 ? midnightMs + 86_400_000 : Date.parse(text);
  return Number.isNaN(momentMs) ? undefined : momentMs;
}

export const expirySchema = v.pipe(
  v.string(),
  v.check(
    (text) => parseExpiry(text) !== undefined,
    "is not a date; write for example 2027-01-31 or 2027-01-31T18:00:00Z",
  ),
);

/** Entries of `siteSchema` that this file is about. */
export const siteAccessEntries = {
  authorization: setting(
    v.array(authorizationRuleSchema),
    // Without rules of its own, a site leaves the decision to the permissions of each account.
    [{ effect: "allow", users: ["*"] }],
    "Authorization rules; what no rule allows is denied. The account's permissions must allow it too.",
  ),
  requestFiltering: setting(requestFilteringSchema, {}, "Paths and commands that are refused."),
  ipRestrictions: setting(ipRestrictionsSchema, {}, "Clients by address and host name."),
} as const;

/** Entries of `accountSchema` that this file is about. */
export const accountAccessEntries = {
  groups: setting(v.array(nameSchema), [], "Groups of the account, for authorization rules."),
  domain: absentOr(nameSchema, "Domain of the account; its isolated home is DOMAIN/NAME."),
  expires: absentOr(
    expirySchema,
    "Last day (UTC) or moment of the account: 2027-01-31 or 2027-01-31T18:00:00Z.",
  ),
} as const;
