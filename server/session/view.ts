/**
 * Everything that the settings decide, compiled once per load and swapped as a whole. A command
 * reads the view in force once and so never sees a mixture of two.
 */
import type { Account, ServerSettings, Site, TlsPolicy } from "#contract";
import type { Authorization } from "../access/authorization.ts";
import type { BandwidthTree } from "../access/bandwidth.ts";
import type { HostNameResolver } from "../access/client-names.ts";
import type { SharedConnectionCounts } from "../access/connection-limits.ts";
import type { IpRestrictionPlan } from "../access/ip-restrictions.ts";
import type { LogonAttemptsTable } from "../access/logon-attempts.ts";
import type { RequestFilter } from "../access/request-filter.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { W3cLog } from "../logging/w3c-log.ts";
import type { PassivePorts } from "../data/passive-ports.ts";
import type { StorageAdapter } from "../storage/storage.ts";
import type { TlsContexts } from "../tls/contexts.ts";
import type { SessionLimits } from "./limits.ts";
import type { SiteMessages } from "./messages.ts";

/** What a site asks of TLS, and whether there is a certificate for it. */
export interface SiteTlsPolicy extends TlsPolicy {
  readonly certificateFile: string | undefined;
}

/** A site with its storage and its rules, compiled. */
export interface SiteView {
  readonly name: string;
  readonly settings: Site;
  /** For sessions that have logged in to the site. */
  readonly limits: SessionLimits;
  /** Storage by folder below the data folder: the site's root and its virtual directories. */
  readonly storages: ReadonlyMap<string, StorageAdapter>;
  readonly authorization: Authorization;
  readonly filter: RequestFilter;
  readonly restrictions: IpRestrictionPlan;
  /** Its own certificate or the server's, with ticket keys of its own; undefined without any. */
  readonly tls: TlsContexts | undefined;
  /** The server's policy with what the site has of its own. */
  readonly tlsPolicy: SiteTlsPolicy;
  readonly messages: SiteMessages;
}

export interface ServerView {
  readonly settings: ServerSettings;
  /** Until a session has logged in; of the first site. */
  readonly limits: SessionLimits;
  /** Never empty; bindings say which one serves whom. */
  readonly sites: readonly [SiteView, ...SiteView[]];
  readonly accounts: ReadonlyMap<string, Account>;
  readonly authenticator: Authenticator;
  readonly passivePorts: PassivePorts;
  /** Undefined while the settings keep none. */
  readonly w3cLog: W3cLog | undefined;
  /** Failed logons by client; kept across reloads while its settings stay. */
  readonly logonAttempts: LogonAttemptsTable;
  /** Connections of server, sites and accounts; one table for the life of the process. */
  readonly connections: SharedConnectionCounts;
  /** Likewise. */
  readonly bandwidth: BandwidthTree;
  /** For rules with host names. */
  readonly hostNames: HostNameResolver;
  /** Of the first site; undefined without a certificate. */
  readonly tls: TlsContexts | undefined;
}
