/** Where an account starts, what it sees as `/`, and which folders are put into its view. */
import * as v from "valibot";
import { folderSchema, required, setting, virtualPathSchema } from "./fields.ts";

export const ISOLATION_MODES = ["none", "startInUserFolder", "userName", "customHome"] as const;
export type IsolationMode = (typeof ISOLATION_MODES)[number];

/** Folders of the layout that IIS prescribes for isolated users. */
export const ISOLATION_LAYOUT = {
  /** Holds the homes of accounts without domain. */
  localUsers: "LocalUser",
  /** In `localUsers`: the home of every anonymous account. */
  anonymous: "Public",
  /** In the root: where anonymous accounts start when nobody is isolated. */
  anonymousStart: "default",
} as const;

export const userIsolationSchema = v.strictObject({
  mode: setting(
    v.picklist(ISOLATION_MODES),
    "none",
    "none; startInUserFolder (start in /NAME, not confined); userName (confined to LocalUser/NAME, LocalUser/Public for anonymous, DOMAIN/NAME); customHome (confined to the account's home, which must be set). A home other than / confines in every mode.",
  ),
  globalVirtualDirectories: setting(
    v.boolean(),
    false,
    "With isolation: the virtual directories at the site's root appear in every account's view, instead of those below its home.",
  ),
  missingHome: setting(
    v.picklist(["create", "refuse"]),
    "create",
    "A home that does not exist is created, or its owner's login refused.",
  ),
});
export type UserIsolation = v.InferOutput<typeof userIsolationSchema>;

export const virtualDirectorySchema = v.strictObject({
  path: required(
    v.pipe(
      virtualPathSchema,
      v.check((path) => path !== "/", "is the site's root; set root of the site instead"),
    ),
    "Where the folder appears in the site; rules for it use this path.",
  ),
  folder: required(folderSchema, "Folder below the data folder of the machine."),
  hidden: setting(v.boolean(), false, "Left out of listings; reachable all the same."),
});
export type VirtualDirectory = v.InferOutput<typeof virtualDirectorySchema>;

/** Entries of `siteSchema` that this file is about. */
export const siteIsolationEntries = {
  userIsolation: setting(userIsolationSchema, {}, "What each account sees as its root."),
  virtualDirectories: setting(
    v.pipe(
      v.array(virtualDirectorySchema),
      v.check(
        (all) => new Set(all.map(({ path }) => path)).size === all.length,
        "names a path twice; give each virtual directory a path of its own",
      ),
    ),
    [],
    "Folders elsewhere that appear inside the site.",
  ),
} as const;
