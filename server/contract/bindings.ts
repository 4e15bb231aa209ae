/**
 * Bindings: under which host names, and on which channel, a site is reached. A binding never
 * repeats a port; the channels have theirs, and several sites share them.
 */
import * as v from "valibot";
import { absentOr, setting } from "./fields.ts";
import type { Finding } from "./findings.ts";

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
});
export type Binding = v.InferOutput<typeof bindingSchema>;

/** Entries of `siteSchema` that this file is about. */
export const siteBindingsEntries = {
  bindings: setting(
    v.array(bindingSchema),
    [],
    "Channels and host names of the site; empty: every channel, by the site's own name.",
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
 * The host names that lead to a site on a channel, normalized, its own name first; `""` among them
 * when it is the one for clients that name none. Empty when it is not bound to the channel.
 */
export function hostNamesOf({ name, bindings }: BoundSite, channel: Channel): readonly string[] {
  const own = normalizeHostName(name);
  if (bindings.length === 0) return [own];
  const here = bindings.filter((binding) => binding.channel === channel);
  return here.length === 0
    ? []
    : [...new Set([own, ...here.map(({ hostName }) => normalizeHostName(hostName))])];
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
    .filter(({ bindings }) => bindings.some(({ channel }) => channel === "implicitTls"))
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

function sharedHostNames(settings: BoundSettings): readonly Finding[] {
  return openChannels(settings).flatMap((channel) => {
    const owners = new Map<string, BoundSite>();
    return settings.sites.flatMap((site) =>
      hostNamesOf(site, channel).flatMap((hostName): Finding[] => {
        const owner = owners.get(hostName);
        // Sites of one name are a finding of their own.
        if (owner === undefined || owner.name === site.name) {
          owners.set(hostName, site);
          return [];
        }
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
