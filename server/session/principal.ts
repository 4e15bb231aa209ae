/** Who is logged in: an account on a site, with its rights and the storage as it sees it. */
import { rightsOf, type Account, type Right } from "#contract";
import type { Storage } from "../storage/storage.ts";
import { HomeStorage } from "./home-storage.ts";
import type { ServerView, SiteView } from "./view.ts";

export interface Principal {
  readonly account: Account;
  readonly siteName: string;
  readonly rights: ReadonlySet<Right>;
  /** The account's home is its `/`. */
  readonly storage: Storage;
  /** The view that all of this was derived from. */
  readonly view: ServerView;
}

export function createPrincipal(view: ServerView, site: SiteView, account: Account): Principal {
  return {
    account,
    siteName: site.name,
    rights: rightsOf(account.permissions),
    storage: account.home === "/" ? site.storage : new HomeStorage(site.storage, account.home),
    view,
  };
}

/**
 * The principal under the view in force: the same one while the settings have not changed, a new
 * one with the rights of now when they have, or undefined when the login no longer holds.
 */
export function renewPrincipal(principal: Principal, view: ServerView): Principal | undefined {
  if (principal.view === view) return principal;
  const { account, siteName } = principal;
  const current = view.accounts.get(account.name);
  const site = findSite(view, siteName);
  const holds =
    current !== undefined &&
    !current.disabled &&
    current.passwordHash === account.passwordHash &&
    current.home === account.home;
  return holds && site !== undefined ? createPrincipal(view, site, current) : undefined;
}

/** By custom, `ftp` is another name of the anonymous account (RFC 1635). */
const ANONYMOUS = { name: "anonymous", alias: "ftp" } as const;

export function findAccount(view: ServerView, userName: string): Account | undefined {
  const account = view.accounts.get(userName);
  if (account !== undefined || userName !== ANONYMOUS.alias) return account;
  const anonymous = view.accounts.get(ANONYMOUS.name);
  return anonymous?.anonymous === true ? anonymous : undefined;
}

export function findSite(view: ServerView, name: string): SiteView | undefined {
  return view.sites.find((site) => site.name === name);
}

/** `site|user` and `site\user` choose a site; a name alone belongs to the first one. */
export function splitUserName(
  view: ServerView,
  text: string,
): { readonly siteName: string; readonly userName: string } {
  const match = /^([^|\\]*)[|\\](.*)$/su.exec(text);
  const site = match === null ? undefined : findSite(view, match[1] ?? "");
  return site === undefined
    ? { siteName: view.sites[0].name, userName: text }
    : { siteName: site.name, userName: match?.[2] ?? "" };
}
