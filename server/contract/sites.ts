/** Sites and accounts: what is served, and to whom. The vocabulary follows IIS. */
import * as v from "valibot";

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

/** Names of accounts and sites: no separators of the `host|user` and `host\user` logins. */
const nameSchema = v.pipe(
  v.string(),
  v.regex(
    /^[^\s|\\/:\u0000-\u001f]{1,64}$/u,
    "is not a name of 1 to 64 characters without spaces, |, \\, / or :",
  ),
);

/** An absolute path as clients see it: `/` or `/folder/sub`. */
const virtualPathSchema = v.pipe(
  v.string(),
  v.regex(
    /^\/(?:[^/\u0000-\u001f]+(?:\/[^/\u0000-\u001f]+)*)?$/u,
    'is not an absolute path such as "/" or "/incoming"',
  ),
  v.check((path) => !path.split("/").includes(".."), 'must not contain ".."'),
);

/** A folder below the data folder of the machine: relative, without `..`. */
const folderSchema = v.pipe(
  v.string(),
  v.regex(/^(?!\/)[^\u0000-\u001f]*$/u, "is not a folder relative to the data folder"),
  v.check((path) => !path.split("/").includes(".."), 'must not contain ".."'),
);

export const siteSchema = v.strictObject({
  name: v.pipe(nameSchema, v.description("Name of the site in logs and status.")),
  root: v.optional(
    v.pipe(folderSchema, v.description("Folder of the site below the data folder of the machine.")),
    "",
  ),
});
export type Site = v.InferOutput<typeof siteSchema>;

export const accountSchema = v.strictObject({
  name: v.pipe(nameSchema, v.description("Name that clients log in with.")),
  passwordHash: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^\$scrypt\$ln=\d{1,2},r=\d{1,3},p=\d{1,3}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/,
        "is not a hash made by: npx gangway hash-password",
      ),
      v.description("Salted memory-hard hash, made by `gangway hash-password`."),
    ),
  ),
  anonymous: v.optional(
    v.pipe(v.boolean(), v.description("Anyone may log in as this account, with any password.")),
    false,
  ),
  home: v.optional(
    v.pipe(virtualPathSchema, v.description("Folder of the site that the account sees as /.")),
    "/",
  ),
  permissions: v.optional(
    v.pipe(v.array(permissionSchema), v.description("read and write, or single rights.")),
    ["read", "write"],
  ),
  disabled: v.optional(v.pipe(v.boolean(), v.description("The account cannot log in.")), false),
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
