/**
 * User isolation as in IIS: what an account sees as `/`, and where it starts.
 *
 * A home that the account itself declares (anything but `/`) confines it in every mode; otherwise
 * the site's mode decides:
 *
 * | mode              | root                                                    | start          |
 * | ----------------- | ------------------------------------------------------- | -------------- |
 * | none              | `/`                                                     | `/`            |
 * | startInUserFolder | `/`                                                     | `/NAME` if it exists, anonymous `/default` |
 * | userName          | `/LocalUser/NAME`, anonymous `/LocalUser/Public`, domain `/DOMAIN/NAME` | `/` |
 * | customHome        | refused without a home of its own                       |                |
 */
import { ISOLATION_LAYOUT, type UserIsolation } from "#contract";

/** Whoever gets a home. */
export interface HomeOwner {
  readonly name: string;
  readonly anonymous: boolean;
  readonly domain?: string | undefined;
  /** The account's own home, `/` when it has none. */
  readonly home: string;
}

/** What the account sees. All paths absolute. */
export interface Home {
  /** Path of the site that the account sees as `/`. */
  readonly root: string;
  /** Whether the account is kept below `root`; false only where everybody sees the whole site. */
  readonly confined: boolean;
  /** Folder to start in, in the account's view; when it does not exist, start in `/`. */
  readonly start: string;
  /** What to do when `root` does not exist. */
  readonly whenMissing: "create" | "refuse";
  /** Virtual directories of the site appear in the account's view at their own paths. */
  readonly globalVirtualDirectories: boolean;
}

export type HomeOutcome =
  | { readonly kind: "home"; readonly home: Home }
  /** The reason is for the log; it names the setting. */
  | { readonly kind: "refused"; readonly reason: string };

/** Decides the home of an account on a site. Pure; whether the folder exists is the caller's. */
export function planHome(isolation: UserIsolation, owner: HomeOwner): HomeOutcome {
  if (owner.home !== "/") return confinedTo(isolation, owner.home);
  switch (isolation.mode) {
    case "none":
      return openSite(isolation, "/");
    case "startInUserFolder": {
      const folder = owner.anonymous ? ISOLATION_LAYOUT.anonymousStart : owner.name;
      // A name that is no folder name has no folder; that is no reason to refuse the login.
      return openSite(isolation, isFolderName(folder) ? `/${folder}` : "/");
    }
    case "userName":
      return planUserNameHome(isolation, owner);
    case "customHome":
      return refused(
        `account ${owner.name} has no home, which userIsolation.mode customHome needs`,
      );
  }
}

function planUserNameHome(isolation: UserIsolation, owner: HomeOwner): HomeOutcome {
  const { localUsers, anonymous } = ISOLATION_LAYOUT;
  if (owner.anonymous) return confinedTo(isolation, `/${localUsers}/${anonymous}`);
  for (const name of [owner.name, owner.domain ?? localUsers]) {
    if (!isFolderName(name)) return refused(`${JSON.stringify(name)} cannot name a home folder`);
  }
  if (owner.domain === undefined) {
    return isSameName(owner.name, anonymous)
      ? refused(`account ${owner.name} would share the home of anonymous accounts`)
      : confinedTo(isolation, `/${localUsers}/${owner.name}`);
  }
  return isSameName(owner.domain, localUsers)
    ? refused(`domain ${owner.domain} would share the homes of accounts without domain`)
    : confinedTo(isolation, `/${owner.domain}/${owner.name}`);
}

function confinedTo(isolation: UserIsolation, root: string): HomeOutcome {
  return {
    kind: "home",
    home: {
      root,
      confined: true,
      start: "/",
      whenMissing: isolation.missingHome,
      globalVirtualDirectories: isolation.globalVirtualDirectories,
    },
  };
}

function openSite(isolation: UserIsolation, start: string): HomeOutcome {
  return {
    kind: "home",
    home: {
      root: "/",
      confined: false,
      start,
      whenMissing: isolation.missingHome,
      // Whoever sees the whole site sees its virtual directories where they are.
      globalVirtualDirectories: true,
    },
  };
}

function refused(reason: string): HomeOutcome {
  return { kind: "refused", reason };
}

/** Names come from settings, but also from an external authenticator. */
function isFolderName(name: string): boolean {
  return name !== "." && name !== ".." && /^[^/\\\u0000-\u001f\u007f]{1,255}$/u.test(name);
}

/** Without case: the same folder on a disk that ignores it. */
function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
