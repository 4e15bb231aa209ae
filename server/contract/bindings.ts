/**
 * Bindings: under which host names, on which channel and port, a site is reached. The channels have
 * ports of their own, which several sites share; a binding can name another port besides. A
 * server's own settings can bind a site to one local address too; a stack has only one.
 */
import * as v from "valibot";
import { absentOr, setting, wholeNumber } from "./fields.ts";
import type { Finding } from "./findings.ts";
import { HIGHEST_PORT, LOWEST_PORT } from "./ports.ts";

/** `control`: plain and explicit TLS on controlPort. `implicitTls`: TLS on implicitTlsPort. */
export const CHANNELS = ["control", "implicitTls"] as const;
export type Channel = (typeof CHANNELS)[number];

const bindingSchema = v.strictObject({
  channel: setting(
    v.picklist(CHANNELS),
    "control",
    "control (controlPort: plain and explicit TLS) or implicitTls (implicitTlsPort).",
  ),
  hostName: setting(
    v.pipe(
      v.string(),
      v.regex(
        /^(?:(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)?$/iu,
        "is not a host name; write for example ftp.partner.example, or leave it empty",
      ),
    ),
    "",
    "Host name beside the site's own name; empty: the site for clients that name none.",
  ),
  port: absentOr(
    wholeNumber(
      LOWEST_PORT,
      HIGHEST_PORT,
      "is not a port; write a number, for example 2121, or leave it out for that of the channel",
    ),
    "Port of its own, listened on besides; absent: that of the channel.",
  ),
});
export interface Binding extends v.InferOutput<typeof bindingSchema> {
  /** Local address; absent: every one that is listened on. */
  readonly address?: string | undefined;
}

/** Where a client has come in. */
export interface Entrance {
  readonly channel: Channel;
  /** Undefined: the port of the channel. */
  readonly port?: number | undefined;
  /** Local address; undefined where no binding asks. */
  readonly address?: string | undefined;
}

/** A binding as the server's own settings have it. */
export const serverBindingSchema = v.strictObject({
  ...bindingSchema.entries,
  address: absentOr(
    v.pipe(v.string(), v.ip("is no IP address; write for example 192.0.2.7")),
    "Local address that clients have to connect to; absent: every one of listen.addresses.",
  ),
});

/** Entries of `siteSchema` that this file is about. */
export const siteBindingsEntries = {
  bindings: setting(
    v.array(bindingSchema),
    [],
    "Channels, ports and host names of the site, all at the one address of the stack; empty: every channel, by the site's own name.",
  ),
  externalAddress: absentOr(
    v.pipe(v.string(), v.ipv4("is not an IPv4 address; write for example 203.0.113.7")),
    "Address advertised to passive clients of this site; absent: that of the server.",
  ),
} as const;

/** What decides where a site is reached. */
export interface BoundSite {
  readonly name: string;
  readonly bindings: readonly Binding[];
}

/** Host names are compared without case and without the root's dot. */
export function normalizeHostName(hostName: string): string {
  return hostName.toLowerCase().replace(/\.$/u, "");
}

/**
 * The host names that lead to a site at an entrance, normalized, its own name first; `""` among
 * them when it is the one for clients that name none. Empty when it is not bound there.
 *
 * @param entrance a channel alone stands for its own port, on whatever address.
 */
export function hostNamesOf(
  { name, bindings }: BoundSite,
  entrance: Channel | Entrance,
): readonly string[] {
  const own = normalizeHostName(name);
  const at: Entrance = typeof entrance === "string" ? { channel: entrance } : entrance;
  if (bindings.length === 0) return at.port === undefined ? [own] : [];
  const here = bindings.filter((binding) => leadsIn(binding, at));
  return here.length === 0
    ? []
    : [...new Set([own, ...here.map(({ hostName }) => normalizeHostName(hostName))])];
}

function leadsIn({ channel, port, address }: Binding, at: Entrance): boolean {
  if (channel !== at.channel || port !== at.port) return false;
  return address === undefined || at.address === undefined || address === at.address;
}

/** What the rules below look at; stack and server settings both have it. */
export interface BoundSettings {
  readonly sites: readonly BoundSite[];
  readonly accounts: readonly { readonly name: string; readonly sites: readonly string[] }[];
  /** Undefined: switched off. */
  readonly implicitTlsPort: number | undefined;
}

/** Everything wrong with bindings and with the sites that accounts name. */
export function findBindingViolations(settings: BoundSettings): readonly Finding[] {
  return [...disabledChannels(settings), ...sharedHostNames(settings), ...unknownSites(settings)];
}

function openChannels({ implicitTlsPort }: BoundSettings): readonly Channel[] {
  return implicitTlsPort === undefined ? ["control"] : CHANNELS;
}

function disabledChannels(settings: BoundSettings): readonly Finding[] {
  const { sites, implicitTlsPort } = settings;
  const offButBound = sites
    .filter(({ bindings }) =>
      bindings.some(({ channel, port }) => channel === "implicitTls" && port === undefined),
    )
    .map(({ name }) => ({
      setting: `sites (${name}).bindings`,
      value: "implicitTls",
      problem: "is bound although implicitTlsPort is off",
      fix: "set implicitTlsPort, for example to 990, or remove the binding",
    }));
  const openButUnbound = openChannels(settings)
    .filter((channel) => sites.length > 0 && sites.every((site) => !isBound(site, channel)))
    .map((channel) => ({
      setting: "sites",
      value: sites.map(({ name }) => name).join(", "),
      problem: `leave the channel ${channel} without a site`,
      fix:
        channel === "implicitTls"
          ? "bind a site to implicitTls, or switch implicitTlsPort off"
          : "bind a site to control, which is always open",
    }));
  return [...(implicitTlsPort === undefined ? offButBound : []), ...openButUnbound];
}

function isBound(site: BoundSite, channel: Channel): boolean {
  return hostNamesOf(site, channel).length > 0;
}

/** An address that no binding names: whoever is bound to every address is reached there too. */
const ANY_OTHER_ADDRESS = "";

/** Every entrance that is told from another one by the bindings. */
function entrancesOf(settings: BoundSettings): readonly Entrance[] {
  const bindings = settings.sites.flatMap((site) => site.bindings);
  const addresses = new Set([ANY_OTHER_ADDRESS, ...bindings.flatMap((each) => each.address ?? [])]);
  const own = bindings.filter(({ port }) => port !== undefined);
  const doors: readonly Entrance[] = [
    ...openChannels(settings).map((channel) => ({ channel })),
    ...new Map(own.map((each) => [`${each.channel} ${String(each.port)}`, each])).values(),
  ];
  return doors.flatMap(({ channel, port }) =>
    [...addresses].map((address) => ({ channel, port, address })),
  );
}

function sharedHostNames(settings: BoundSettings): readonly Finding[] {
  const told = new Set<string>();
  return entrancesOf(settings).flatMap((entrance) => {
    const { channel } = entrance;
    const owners = new Map<string, BoundSite>();
    return settings.sites.flatMap((site) =>
      hostNamesOf(site, entrance).flatMap((hostName): Finding[] => {
        const owner = owners.get(hostName);
        // Sites of one name are a finding of their own.
        if (owner === undefined || owner.name === site.name) {
          owners.set(hostName, site);
          return [];
        }
        const clash = [site.name, owner.name, hostName, channel, entrance.port].join(" ");
        if (told.has(clash)) return [];
        told.add(clash);
        return [
          {
            setting: `sites (${site.name}).bindings`,
            value: hostName === "" ? '""' : hostName,
            problem: `is claimed by site ${owner.name} too, on the channel ${channel}`,
            fix:
              hostName === ""
                ? "leave the host name empty in one binding of each channel only"
                : "give each site host names of its own",
          },
        ];
      }),
    );
  });
}

function unknownSites({ accounts, sites }: BoundSettings): readonly Finding[] {
  const known = sites.map(({ name }) => name);
  return accounts.flatMap((account) =>
    account.sites
      .filter((name) => !known.includes(name))
      .map((name) => ({
        setting: `accounts (${account.name}).sites`,
        value: name,
        problem: "is not the name of a site",
        fix: `known are: ${known.join(", ")}`,
      })),
  );
}
