/**
 * The ports on which clients begin their sessions: those of the channels, and those that bindings
 * add. Whoever opens, holds or judges control ports asks `controlPorts`.
 */
import type { BoundSite, Channel } from "./bindings.ts";
import type { Finding } from "./findings.ts";
import { containsPort, countPorts, formatRange, singlePort, type PortRange } from "./ports.ts";

/** The ports of the channels, as stack and server settings both have them. */
interface ChannelPorts {
  readonly controlPort: number;
  /** Undefined: switched off. */
  readonly implicitTlsPort?: number | undefined;
}

/** What is looked at of the server's settings. */
export interface PortSettings {
  readonly listen: ChannelPorts & {
    readonly addresses: readonly string[];
    readonly healthProbePort?: number | undefined;
  };
  readonly passive: { readonly ports: PortRange };
  readonly tls: { readonly certificateFile?: string | undefined };
  readonly sites: readonly (BoundSite & { readonly certificateFile?: string | undefined })[];
}

/** A port on which clients begin their sessions. */
export interface BoundPort {
  readonly port: number;
  readonly channel: Channel;
}

/** A port with the setting that declares it. */
export interface ControlPort extends BoundPort {
  readonly setting: string;
}

/** Every control port, each once: those of the channels, then those of bindings. */
export function controlPorts(
  { controlPort, implicitTlsPort }: ChannelPorts,
  sites: readonly BoundSite[],
): readonly ControlPort[] {
  return [
    { port: controlPort, channel: "control", setting: "controlPort" },
    ...(implicitTlsPort === undefined
      ? []
      : [{ port: implicitTlsPort, channel: "implicitTls", setting: "implicitTlsPort" } as const]),
    ...boundPorts(sites),
  ];
}

/** Every port that a server listens on, as ranges; those of active connections are none. */
export function listenedPorts(
  listen: ChannelPorts & { readonly healthProbePort?: number | undefined },
  passivePorts: PortRange,
  sites: readonly BoundSite[],
): readonly PortRange[] {
  const control = controlPorts(listen, sites).map(({ port }) => port);
  const single = [...control, listen.healthProbePort].filter((port) => port !== undefined);
  return [...single.map(singlePort), passivePorts];
}

/** The ports that are listened on for bindings alone, each once, in ascending order. */
export function boundPorts(sites: readonly BoundSite[]): readonly ControlPort[] {
  const ports = new Map<number, ControlPort>();
  for (const { name, bindings } of sites) {
    for (const { port, channel } of bindings) {
      if (port === undefined || ports.has(port)) continue;
      ports.set(port, { port, channel, setting: settingOf(name) });
    }
  }
  return [...ports.values()].toSorted((a, b) => a.port - b.port);
}

function settingOf(site: string): string {
  return `sites (${site}).bindings`;
}

/** Everything wrong with the ports and addresses of bindings in the server's own settings. */
export function findPortViolations(settings: PortSettings): readonly Finding[] {
  const { listen, passive, sites } = settings;
  const { implicitTlsPort, healthProbePort } = listen;
  const others = [
    { setting: "listen.controlPort", port: listen.controlPort, advice: LEAVE_OUT },
    { setting: "listen.implicitTlsPort", port: implicitTlsPort, advice: LEAVE_OUT },
    { setting: "listen.healthProbePort", port: healthProbePort },
  ].flatMap(({ port, ...other }) =>
    port === undefined ? [] : [{ ...other, ports: singlePort(port) }],
  );
  return [
    ...takenPorts(sites, [...others, { setting: "passive.ports", ports: passive.ports }]),
    ...uncertifiedPorts(settings),
    ...twoChannels(sites),
    ...otherAddresses(settings),
  ];
}

/** Ports that bindings cannot have, by the setting that has them. */
export interface OtherPorts {
  readonly setting: string;
  readonly ports: PortRange;
  /** What to do about it besides choosing another one. */
  readonly advice?: string;
}

/** Of a binding that repeats the port of a channel. */
export const LEAVE_OUT = ": leave the port out";

/** Bindings with ports that something else has, or with one port for two channels. */
export function findPortClashes(
  sites: readonly BoundSite[],
  others: readonly OtherPorts[],
): readonly Finding[] {
  return [...takenPorts(sites, others), ...twoChannels(sites)];
}

function takenPorts(
  sites: readonly BoundSite[],
  others: readonly OtherPorts[],
): readonly Finding[] {
  return sites.flatMap(({ name, bindings }) =>
    bindings.flatMap(({ port }): Finding[] => {
      if (port === undefined) return [];
      const taken = others.find(({ ports }) => containsPort(ports, port));
      if (taken === undefined) return [];
      const { setting, ports, advice = "" } = taken;
      const problem =
        countPorts(ports) === 1
          ? `is ${setting}${advice}`
          : `lies in ${setting} ${formatRange(ports)}`;
      return [
        { setting: settingOf(name), value: String(port), problem, fix: "choose another port" },
      ];
    }),
  );
}

function uncertifiedPorts({ sites, tls }: PortSettings): readonly Finding[] {
  return sites
    .filter(({ certificateFile }) => (certificateFile ?? tls.certificateFile) === undefined)
    .flatMap(({ name, bindings }) =>
      bindings
        .filter(({ port, channel }) => port !== undefined && channel === "implicitTls")
        .map(({ port }) => ({
          setting: settingOf(name),
          value: `implicitTls on ${String(port)}`,
          problem: "needs a certificate",
          fix: "set certificateFile of the site, or tls.certificateFile",
        })),
    );
}

/** A connection begins with TLS or without it; one port cannot do both. */
function twoChannels(sites: readonly BoundSite[]): readonly Finding[] {
  const channels = new Map<number, Channel>();
  return sites.flatMap(({ name, bindings }) =>
    bindings.flatMap(({ port, channel }): Finding[] => {
      if (port === undefined) return [];
      const before = channels.get(port) ?? channel;
      channels.set(port, before);
      return before === channel
        ? []
        : [
            {
              setting: settingOf(name),
              value: `${channel} on ${String(port)}`,
              problem: `is bound to the channel ${before} too`,
              fix: "give each channel a port of its own",
            },
          ];
    }),
  );
}

function otherAddresses({ listen: { addresses }, sites }: PortSettings): readonly Finding[] {
  const listens = (address: string): boolean =>
    addresses.includes("::") ||
    addresses.includes(address) ||
    (addresses.includes("0.0.0.0") && !address.includes(":"));
  return sites.flatMap(({ name, bindings }) =>
    bindings.flatMap(({ address }): Finding[] =>
      address === undefined || listens(address)
        ? []
        : [
            {
              setting: settingOf(name),
              value: address,
              problem: "is not listened on",
              fix: `add it to listen.addresses, now ${addresses.join(", ")}`,
            },
          ],
    ),
  );
}
