/** Who is logged in: an account on a site, with its rights and the storage as it sees it. */
import { isDeepStrictEqual } from "node:util";
import { rightsOf, type Account, type Permission, type Right, type Site } from "#contract";
import { planHome, type Home } from "../access/isolation.ts";
import { planPathMapping } from "../access/path-mapping.ts";
import { hasExpired } from "../access/account-standing.ts";
import type { StorageAdapter } from "../storage/storage.ts";
import { namesCertificate, type ClientCertificate } from "../tls/client-certificate.ts";
import type { Presence } from "./presence.ts";
import { SiteStorage } from "./site-storage.ts";
import { siteOfChoice } from "./site-selection.ts";
import type { SessionState } from "./state.ts";
import type { ServerView, SiteView } from "./view.ts";

/** What is known of the client and held for it, whatever the settings become. */
export interface Visit {
  /** Without IPv4-mapping. */
  readonly peerAddress: string;
  /** Confirmed names; undefined when no rule has asked for them yet. */
  readonly hostNames: readonly string[] | undefined;
  /** What the login rests on, alone or beside the password. */
  readonly certificate: ClientCertificate | undefined;
  readonly presence: Presence;
}

export interface Principal {
  readonly account: Account;
  readonly siteName: string;
  /** What the account's permissions allow at most; rules of the site may allow less at a path. */
  readonly rights: ReadonlySet<Right>;
  readonly home: Home;
  /** The site as the account sees it; every rule is enforced in it. */
  readonly storage: SiteStorage;
  readonly visit: Visit;
  /** The view that all of this was derived from. */
  readonly view: ServerView;
}

export type PrincipalOutcome =
  | { readonly kind: "principal"; readonly principal: Principal }
  /** The reason is for the log; it names the setting. */
  | { readonly kind: "refused"; readonly reason: string };

export function createPrincipal(
  view: ServerView,
  site: SiteView,
  account: Account,
  visit: Visit,
): PrincipalOutcome {
  const seen = knownSights.get(site)?.get(account) ?? lookAround(site, account, visit);
  if (seen.kind === "refused") return seen;
  const { rights, home, storage } = seen;
  return {
    kind: "principal",
    principal: { account, siteName: site.name, rights, home, storage, visit, view },
  };
}

/** What an account sees of a site. */
interface Sight extends Pick<Principal, "rights" | "home" | "storage"> {
  readonly kind: "sight";
}

/** Of accounts that see all of a site on which no rule is about clients: all their sessions share it. */
const knownSights = new WeakMap<SiteView, WeakMap<Account, Sight>>();

function lookAround(
  site: SiteView,
  account: Account,
  { peerAddress, hostNames = [] }: Visit,
): Sight | Extract<PrincipalOutcome, { kind: "refused" }> {
  const { root, userIsolation, virtualDirectories } = site.settings;
  const planned = planHome(userIsolation, account);
  if (planned.kind === "refused") return planned;
  const { home } = planned;
  const rights = rightsOfAll(account.permissions);
  const storage = new SiteStorage({
    mapping: planPathMapping(root, virtualDirectories, home),
    authorization: site.authorization,
    filter: site.filter,
    clients: site.restrictions.forClient(peerAddress, hostNames),
    subject: { name: account.name, groups: account.groups, anonymous: account.anonymous, rights },
    peerAddress,
    rulePaths: () => rulePathsOf(site.settings),
    limits: {
      site: { ...site.settings.limits, name: site.name },
      account: { ...account.limits, name: account.name },
    },
    storageOf: (folder) => storageOf(site, folder),
  });
  const sight: Sight = { kind: "sight", rights, home, storage };
  // A home is looked up anew at each login: links on the way to it may lead elsewhere by then.
  if (site.restrictions.admitsAll && home.root === "/") {
    const ofSite = knownSights.get(site) ?? new WeakMap<Account, Sight>();
    knownSights.set(site, ofSite.set(account, sight));
  }
  return sight;
}

/** One set for all sessions of an account. */
const knownRights = new WeakMap<readonly Permission[], ReadonlySet<Right>>();

function rightsOfAll(permissions: readonly Permission[]): ReadonlySet<Right> {
  const known = knownRights.get(permissions);
  if (known !== undefined) return known;
  const rights = rightsOf(permissions);
  knownRights.set(permissions, rights);
  return rights;
}

/** Where a site's rules about rights and addresses begin to hold. */
function rulePathsOf({ authorization, ipRestrictions }: Site): readonly string[] {
  return [...authorization, ...ipRestrictions.rules].map(({ path }) => path);
}

/** The storage of a folder that the site's settings name. */
export function storageOf(site: SiteView, folder: string): StorageAdapter {
  const storage = site.storages.get(folder);
  if (storage === undefined) throw new Error(`site ${site.name} has no storage for ${folder}`);
  return storage;
}

/**
 * The principal under the view in force: the same one while the settings have not changed, a new
 * one with the rights of now when they have, or undefined when the login no longer holds.
 */
export function renewPrincipal(
  principal: Principal,
  view: ServerView,
  nowMs: number,
): Principal | undefined {
  // Under new settings the account of now decides, which may last longer.
  if (principal.view === view) {
    return hasExpired(principal.account, nowMs) ? undefined : principal;
  }
  const { account, siteName, visit } = principal;
  const current = isFromHook(principal)
    ? renewFromHook(principal, view)
    : view.accounts.get(account.name);
  const site = findSite(view, siteName);
  const holds =
    current !== undefined &&
    !current.disabled &&
    !hasExpired(current, nowMs) &&
    current.passwordHash === account.passwordHash &&
    isAdmitted(current, siteName);
  if (!holds || site === undefined || !mayEnter(site, visit)) return undefined;
  if (!isCertificateKept(principal, site, current, nowMs)) return undefined;
  const renewed = createPrincipal(view, site, current, visit);
  // Another home would change the meaning of every path that the client knows.
  return renewed.kind === "principal" && renewed.principal.home.root === principal.home.root
    ? renewed.principal
    : undefined;
}

/** Whether the certificate that a login rests on would still do under the site's settings of now. */
function isCertificateKept(
  { view, siteName, visit: { certificate } }: Principal,
  site: SiteView,
  { certificates }: Account,
  nowMs: number,
): boolean {
  const before = findSite(view, siteName)?.tlsPolicy.clientCertificates;
  const { clientCertificates } = site.tlsPolicy;
  if (!isDeepStrictEqual(before, clientCertificates))
    return clientCertificates.mode === "off" && certificate === undefined;
  return certificate === undefined || namesCertificate(certificates, certificate, nowMs);
}

/** Whether a visit that was admitted still would be; new rules with host names need a new login. */
function mayEnter({ restrictions }: SiteView, { peerAddress, hostNames }: Visit): boolean {
  if (restrictions.usesHostNames && hostNames === undefined) return false;
  return restrictions.forClient(peerAddress, hostNames ?? []).decide("/").allowed;
}

/** Accounts of the settings are objects of the view; those that the hook described are not. */
function isFromHook({ account, view }: Principal): boolean {
  return view.accounts.get(account.name) !== account;
}

/** The hook's word of the login holds while the same hook is asked and the settings are silent. */
function renewFromHook(
  { account, view: before }: Principal,
  view: ServerView,
): Account | undefined {
  const { url } = view.settings.authenticationHook;
  const same = url !== "" && url === before.settings.authenticationHook.url;
  return same && !view.accounts.has(account.name) ? account : undefined;
}

export function findSite(view: ServerView, name: string): SiteView | undefined {
  return view.sites.find((site) => site.name === name);
}

/** The site that a session belongs to as far as it is known: its filter and messages apply. */
export function currentSite(
  view: ServerView,
  { login, entrance, site }: Pick<SessionState, "login" | "entrance" | "site">,
): SiteView {
  const name =
    login.kind === "loggedIn"
      ? login.principal.siteName
      : login.kind === "userNamed"
        ? login.siteName
        : undefined;
  const named = name === undefined ? undefined : findSite(view, name);
  return named ?? siteOfChoice(view.sites, entrance, site);
}

/** Whether an account may log in to a site. */
export function isAdmitted({ sites }: Account, siteName: string): boolean {
  return sites.length === 0 || sites.includes(siteName);
}
