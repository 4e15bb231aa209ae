/** Sites and accounts: what is served, and to whom. The vocabulary follows IIS. */
import * as v from "valibot";
import { accountAccessEntries, siteAccessEntries } from "./access.ts";
import { siteBindingsEntries } from "./bindings.ts";
import {
  absentOr,
  folderSchema,
  nameSchema,
  required,
  setting,
  virtualPathSchema,
} from "./fields.ts";
import { siteIsolationEntries } from "./isolation.ts";
import { accountLimitsEntries, siteLimitsEntries } from "./limits.ts";
import { siteMessagesEntries } from "./messages.ts";
import { accountCertificatesEntries, siteTlsSchema } from "./tls.ts";
import { siteUploadsEntries } from "./uploads.ts";

/** Rights in the fine, from which the coarse `read` and `write` of IIS are made. */
export const RIGHTS = [
  "list",
  "read",
  "create",
  "overwrite",
  "append",
  "rename",
  "delete",
  "makeDirectory",
] as const;
export type Right = (typeof RIGHTS)[number];

/** What `read` and `write` stand for in a list of permissions. */
export const PERMISSIONS = {
  read: ["list", "read"],
  write: ["create", "overwrite", "append", "rename", "delete", "makeDirectory"],
} as const satisfies Record<string, readonly Right[]>;
export type Permission = keyof typeof PERMISSIONS | Right;

const permissionSchema = v.picklist([...(["read", "write"] as const), ...RIGHTS]);

export const siteSchema = v.strictObject({
  name: required(nameSchema, "Name of the site, its first host name; also in logs and status."),
  root: setting(folderSchema, "", "Folder of the site below the data folder of the machine."),
  ...siteBindingsEntries,
  ...siteAccessEntries,
  ...siteIsolationEntries,
  ...siteLimitsEntries,
  ...siteUploadsEntries,
  ...siteMessagesEntries,
  tls: setting(siteTlsSchema, {}, "Where the site differs from the server's tls."),
});
export type Site = v.InferOutput<typeof siteSchema>;

const passwordHashSchema = v.pipe(
  v.string(),
  v.regex(
    /^\$scrypt\$ln=\d{1,2},r=\d{1,3},p=\d{1,3}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/,
    "is not a password hash; make one with: npx gangway hash-password",
  ),
);

export const accountSchema = v.strictObject({
  name: required(nameSchema, "Name that clients log in with."),
  passwordHash: absentOr(
    passwordHashSchema,
    "Salted memory-hard hash, made by `gangway hash-password`.",
  ),
  anonymous: setting(v.boolean(), false, "Anyone may log in as this account, with any password."),
  home: setting(virtualPathSchema, "/", "Folder of the site that the account sees as /."),
  permissions: setting(
    v.array(permissionSchema),
    ["read", "write"],
    "read and write, or single rights.",
  ),
  disabled: setting(v.boolean(), false, "The account cannot log in."),
  sites: setting(v.array(nameSchema), [], "Sites that the account may log in to; empty: all."),
  ...accountCertificatesEntries,
  ...accountAccessEntries,
  ...accountLimitsEntries,
});
export type Account = v.InferOutput<typeof accountSchema>;

/** The rights that a list of permissions grants. */
export function rightsOf(permissions: readonly Permission[]): ReadonlySet<Right> {
  return new Set(
    permissions.flatMap((permission): readonly Right[] =>
      permission === "read" || permission === "write" ? PERMISSIONS[permission] : [permission],
    ),
  );
}
