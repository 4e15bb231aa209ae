/** From settings to a view: opens what changed, keeps what did not. */
import { isDeepStrictEqual } from "node:util";
import { resolve } from "node:path";
import { ContractError, planSiteTls, type ServerSettings, type TlsPolicy } from "#contract";
import { planAuthorization } from "../access/authorization.ts";
import type { BandwidthTree, Clock } from "../access/bandwidth.ts";
import type { HostNameResolver } from "../access/client-names.ts";
import type { SharedConnectionCounts } from "../access/connection-limits.ts";
import { planIpRestrictions } from "../access/ip-restrictions.ts";
import type { LogonAttemptsTable, NowMs } from "../access/logon-attempts.ts";
import { planRequestFilter } from "../access/request-filter.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { PassivePorts } from "../data/passive-ports.ts";
import type { W3cLog } from "../logging/w3c-log.ts";
import { planSessionLimits } from "../session/limits.ts";
import { planSiteMessages } from "../session/messages.ts";
import type { ServerView, SiteTlsPolicy, SiteView } from "../session/view.ts";
import type { StorageAdapter } from "../storage/storage.ts";
import type { TlsContexts } from "../tls/contexts.ts";

/** The certificate of a site, its own or the server's, and what is negotiated with it. */
export interface SiteCertificate extends Pick<
  TlsPolicy,
  "minVersion" | "ciphers" | "sessionReuse" | "clearCommandChannel" | "clientCertificates"
> {
  readonly certificateFile: string;
  readonly keyFile: string | undefined;
  /** Where in the settings it stands. */
  readonly setting: string;
  /** Where the policy stands. */
  readonly policySetting: string;
  /** Tells the ticket keys of the site from those of the others. */
  readonly ticketLabel: string;
}

/** Limits that hold for all processes of a server together. */
export interface SharedLimits {
  readonly connections: SharedConnectionCounts;
  openLogonAttempts(settings: ServerSettings["logonAttempts"], nowMs: NowMs): LogonAttemptsTable;
  openBandwidth(server: ServerSettings["limits"]["bandwidth"], clock: Clock): BandwidthTree;
}

/** The adapters that the process has chosen. */
export interface Adapters {
  /** @param folder absolute; created when it is missing. */
  openStorage(folder: string): Promise<StorageAdapter>;
  /** Storages that are open, by absolute folder; two for one folder would not see each other's writers. */
  readonly storages: Map<string, Promise<StorageAdapter>>;
  openAuthenticator(settings: ServerSettings): Authenticator | Promise<Authenticator>;
  openPassivePorts(settings: ServerSettings): PassivePorts;
  /** Opens the W3C extended log; its folder is absolute. Files are opened with the first line. */
  openW3cLog(settings: ServerSettings["log"]): W3cLog;
  /** The client's names, for address rules that use them. */
  readonly hostNames: HostNameResolver;
  readonly clock: Clock;
  /** What the sessions of a server share, in whatever process they are. */
  readonly shared: SharedLimits;
  openTls(certificate: SiteCertificate): Promise<TlsContexts>;
}

/** A view that is not in force yet. */
export interface OpenedView {
  readonly view: ServerView;
  /** Certificates that were read again take effect with the view, not before. */
  readonly renewCertificates: () => void;
}

/**
 * Opens everything that the settings ask for. What a previous view has open and the settings leave
 * as it is goes on being used; certificates are read again in any case.
 *
 * @throws ContractError naming what does not hold; the previous view stays usable.
 */
export async function openView(
  adapters: Adapters,
  settings: ServerSettings,
  previous?: ServerView,
): Promise<OpenedView> {
  const renewals: (() => void)[] = [];
  const [first, ...others] = await Promise.all(
    settings.sites.map(async (site) => {
      const opened = await openSite(settings, site, shareStorages(adapters));
      const tls = await openTls(adapters, planCertificate(settings, site), site.name, previous);
      if (tls?.renew !== undefined) renewals.push(tls.renew);
      return { ...opened, tls: tls?.contexts };
    }),
  );
  if (first === undefined) {
    const fix = "declare at least one, or leave the setting out";
    throw new ContractError([{ setting: "sites", value: "[]", problem: "is empty", fix }]);
  }
  const view: ServerView = {
    settings,
    limits: first.limits,
    sites: [first, ...others],
    accounts: new Map(settings.accounts.map((account) => [account.name, account])),
    authenticator: await adapters.openAuthenticator(settings),
    tls: first.tls,
    w3cLog: openW3cLog(adapters, settings, previous),
    ...openSharedLimits(adapters, settings, previous),
    passivePorts: keepsPassivePorts(settings, previous)
      ? previous.passivePorts
      : adapters.openPassivePorts(settings),
  };
  return { view, renewCertificates: () => renewals.forEach((renew) => renew()) };
}

/** What sessions share and must not lose when the settings change. */
function openSharedLimits(
  { hostNames, clock, shared }: Adapters,
  settings: ServerSettings,
  previous: ServerView | undefined,
): Pick<ServerView, "logonAttempts" | "connections" | "bandwidth" | "hostNames"> {
  const { limits, logonAttempts } = settings;
  return {
    logonAttempts:
      previous !== undefined && isDeepStrictEqual(previous.settings.logonAttempts, logonAttempts)
        ? previous.logonAttempts
        : shared.openLogonAttempts(logonAttempts, clock.nowMs),
    connections: shared.connections,
    bandwidth: previous?.bandwidth ?? shared.openBandwidth(limits.bandwidth, clock),
    hostNames,
  };
}

async function openSite(
  settings: ServerSettings,
  site: ServerSettings["sites"][number],
  storages: SharedStorages,
): Promise<Omit<SiteView, "tls">> {
  const folders = new Set([site.root, ...site.virtualDirectories.map(({ folder }) => folder)]);
  const opened = await Promise.all(
    [...folders].map(
      async (folder) => [folder, await storages(resolve(settings.dataFolder, folder))] as const,
    ),
  );
  return {
    name: site.name,
    settings: site,
    limits: planSessionLimits(site.timeouts),
    storages: new Map(opened),
    authorization: planAuthorization(site.authorization),
    filter: planRequestFilter(site.requestFiltering),
    restrictions: planIpRestrictions(site.ipRestrictions),
    tlsPolicy: planPolicy(settings, site),
    messages: planSiteMessages(site.name, site.messages),
  };
}

/** Opens the storage of an absolute folder once, however many sites and views use it. */
type SharedStorages = (folder: string) => Promise<StorageAdapter>;

function shareStorages(adapters: Adapters): SharedStorages {
  return (folder) => {
    const known = adapters.storages.get(folder);
    if (known !== undefined) return known;
    const opened = adapters.openStorage(folder);
    adapters.storages.set(folder, opened);
    // Whoever mends the folder and reloads expects another try.
    opened.catch(() => adapters.storages.delete(folder));
    return opened;
  };
}

function planCertificate(
  settings: ServerSettings,
  site: ServerSettings["sites"][number],
): SiteCertificate | undefined {
  const policy = planPolicy(settings, site);
  const { certificateFile } = policy;
  if (certificateFile === undefined) return undefined;
  const own = site.certificateFile !== undefined;
  const at = `sites (${site.name})`;
  const { minVersion, ciphers, sessionReuse, clearCommandChannel, clientCertificates } = policy;
  return {
    certificateFile,
    keyFile: (own ? site : settings.tls).keyFile,
    setting: own ? at : "tls",
    policySetting: Object.keys(site.tls).length === 0 ? "tls" : `${at}.tls`,
    ticketLabel: site.name,
    minVersion,
    ciphers,
    sessionReuse,
    clearCommandChannel,
    clientCertificates,
  };
}

function planPolicy({ tls }: ServerSettings, site: ServerSettings["sites"][number]): SiteTlsPolicy {
  const certificateFile = site.certificateFile ?? tls.certificateFile;
  return { ...planSiteTls(tls, site.tls), certificateFile };
}

interface OpenedTls {
  readonly contexts: TlsContexts;
  /** Of contexts that are in force already. */
  readonly renew?: () => void;
}

async function openTls(
  adapters: Adapters,
  certificate: SiteCertificate | undefined,
  siteName: string,
  previous: ServerView | undefined,
): Promise<OpenedTls | undefined> {
  if (certificate === undefined) return undefined;
  const before = previous?.settings.sites.find(({ name }) => name === siteName);
  const kept =
    previous !== undefined &&
    before !== undefined &&
    isDeepStrictEqual(planCertificate(previous.settings, before), certificate)
      ? previous.sites.find(({ name }) => name === siteName)?.tls
      : undefined;
  if (kept === undefined) return { contexts: await adapters.openTls(certificate) };
  return { contexts: kept, renew: await kept.reload() };
}

/** The log that is open goes on while its settings stay as they are. */
function openW3cLog(
  adapters: Adapters,
  { log }: ServerSettings,
  previous: ServerView | undefined,
): W3cLog | undefined {
  if (!log.enabled) return undefined;
  return isDeepStrictEqual(log, previous?.settings.log)
    ? previous?.w3cLog
    : adapters.openW3cLog(log);
}

function keepsPassivePorts(
  { passive, listen }: ServerSettings,
  previous: ServerView | undefined,
): previous is ServerView {
  return (
    previous !== undefined &&
    isDeepStrictEqual(passive.ports, previous.settings.passive.ports) &&
    isDeepStrictEqual(listen.addresses, previous.settings.listen.addresses)
  );
}
