/**
 * Which site a session belongs to: by TLS server name, by HOST (RFC 7151), by the host in front of
 * a user name, or the fallback of the entrance. Pure.
 */
import {
  hostNamesOf,
  normalizeHostName,
  type BoundSite,
  type Channel,
  type Entrance,
} from "#contract";

/** What is looked at of a site. */
export interface SelectableSite {
  readonly name: string;
  readonly settings: BoundSite;
}

type Sites<S> = readonly [S, ...S[]];

/** How a session came to its site before anybody logs in. */
export type SiteChoice =
  /** Nothing named one: the fallback, unless the user name does. */
  | { readonly kind: "open" }
  /** Named by SNI or HOST; a user name cannot lead elsewhere. */
  | { readonly kind: "fixed"; readonly siteName: string };

export const NO_CHOICE: SiteChoice = { kind: "open" };

/** The site that a host name means at an entrance. */
function findByHost<S extends SelectableSite>(
  sites: Sites<S>,
  entrance: Entrance | Channel,
  hostName: string,
): S | undefined {
  const wanted = normalizeHostName(hostName);
  if (wanted === "") return undefined;
  return sites.find(({ settings }) => hostNamesOf(settings, entrance).includes(wanted));
}

/** The site of clients that name none: the one bound so, or else the first that is bound there. */
export function fallbackSite<S extends SelectableSite>(
  sites: Sites<S>,
  entrance: Entrance | Channel,
): S {
  return (
    sites.find(({ settings }) => hostNamesOf(settings, entrance).includes("")) ??
    sites.find(({ settings }) => hostNamesOf(settings, entrance).length > 0) ??
    sites[0]
  );
}

/** The site of a choice; a site that the settings have no more leaves the fallback. */
export function siteOfChoice<S extends SelectableSite>(
  sites: Sites<S>,
  entrance: Entrance | Channel,
  choice: SiteChoice,
): S {
  const fixed =
    choice.kind === "fixed" ? sites.find(({ name }) => name === choice.siteName) : undefined;
  return fixed ?? fallbackSite(sites, entrance);
}

/**
 * After a handshake. A server name that a site claims decides, whatever HOST said before it; one
 * that nobody claims (an address's own name, say) leaves things as they are.
 */
export function chooseByServerName<S extends SelectableSite>(
  sites: Sites<S>,
  entrance: Entrance | Channel,
  serverName: string | undefined,
  before: SiteChoice,
): SiteChoice {
  const site = serverName === undefined ? undefined : findByHost(sites, entrance, serverName);
  return site === undefined ? before : { kind: "fixed", siteName: site.name };
}

export type HostOutcome =
  | { readonly kind: "chosen"; readonly choice: SiteChoice }
  | { readonly kind: "unknown" }
  /** RFC 7151: HOST has to name the host that TLS was set up for. */
  | { readonly kind: "disagrees" };

/** HOST; @param serverName what the client named in its TLS handshake. */
export function chooseByHost<S extends SelectableSite>(
  sites: Sites<S>,
  entrance: Entrance | Channel,
  hostName: string,
  serverName: string | undefined,
): HostOutcome {
  const site = findByHost(sites, entrance, hostName);
  if (serverName !== undefined && normalizeHostName(serverName) !== normalizeHostName(hostName)) {
    return { kind: "disagrees" };
  }
  return site === undefined
    ? { kind: "unknown" }
    : { kind: "chosen", choice: { kind: "fixed", siteName: site.name } };
}

export type UserOutcome<S> =
  | { readonly kind: "site"; readonly site: S; readonly userName: string }
  /** The connection belongs to another site than the user name. */
  | { readonly kind: "elsewhere"; readonly wanted: string };

/**
 * USER: `host|user` and `host\user` choose a site. Text whose first part is no host there
 * is a user name as a whole.
 */
export function chooseByUserName<S extends SelectableSite>(
  sites: Sites<S>,
  entrance: Entrance | Channel,
  choice: SiteChoice,
  text: string,
): UserOutcome<S> {
  const current = siteOfChoice(sites, entrance, choice);
  const [, host = "", userName = ""] = /^([^|\\]*)[|\\](.*)$/su.exec(text) ?? [];
  const named = findByHost(sites, entrance, host);
  if (named === undefined) return { kind: "site", site: current, userName: text };
  return choice.kind === "fixed" && named.name !== current.name
    ? { kind: "elsewhere", wanted: named.name }
    : { kind: "site", site: named, userName };
}
