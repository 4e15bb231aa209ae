/** Ports and addresses that bindings of the server's own settings add to those of the channels. */
import type { Binding, Channel } from "./bindings.ts";
import type { Finding } from "./findings.ts";
import { containsPort, formatRange, type PortRange } from "./ports.ts";

/** What is looked at of the server's settings. */
export interface PortSettings {
  readonly listen: {
    readonly addresses: readonly string[];
    readonly controlPort: number;
    readonly implicitTlsPort?: number | undefined;
    readonly healthProbePort?: number | undefined;
  };
  readonly passive: { readonly ports: PortRange };
  readonly tls: { readonly certificateFile?: string | undefined };
  readonly sites: readonly {
    readonly name: string;
    readonly bindings: readonly Binding[];
    readonly certificateFile?: string | undefined;
  }[];
}

/** A port that is listened on for bindings alone. */
export interface BoundPort {
  readonly port: number;
  readonly channel: Channel;
}

/** The ports of bindings, each once, in ascending order. */
export function boundPorts({ sites }: Pick<PortSettings, "sites">): readonly BoundPort[] {
  const all = sites.flatMap(({ bindings }) =>
    bindings.flatMap(({ port, channel }) => (port === undefined ? [] : [{ port, channel }])),
  );
  return [...new Map(all.map((each) => [each.port, each])).values()].toSorted(
    (a, b) => a.port - b.port,
  );
}

/** Everything wrong with the ports and addresses of bindings. */
export function findPortViolations(settings: PortSettings): readonly Finding[] {
  return [...takenPorts(settings), ...twoChannels(settings), ...otherAddresses(settings)];
}

function takenPorts({ listen, passive, sites, tls }: PortSettings): readonly Finding[] {
  const { controlPort, implicitTlsPort, healthProbePort } = listen;
  const takenBy = (port: number): string | undefined => {
    if (port === controlPort) return "is listen.controlPort: leave the port out";
    if (port === implicitTlsPort) return "is listen.implicitTlsPort: leave the port out";
    if (port === healthProbePort) return "is listen.healthProbePort";
    return containsPort(passive.ports, port)
      ? `lies in passive.ports ${formatRange(passive.ports)}`
      : undefined;
  };
  return sites.flatMap(({ name, bindings, certificateFile }) =>
    bindings.flatMap(({ port, channel }): Finding[] => {
      if (port === undefined) return [];
      const setting = `sites (${name}).bindings`;
      const value = String(port);
      const problem = takenBy(port);
      if (problem !== undefined) return [{ setting, value, problem, fix: "choose another port" }];
      const hasCertificate = (certificateFile ?? tls.certificateFile) !== undefined;
      return channel === "control" || hasCertificate
        ? []
        : [
            {
              setting,
              value: `implicitTls on ${value}`,
              problem: "needs a certificate",
              fix: "set certificateFile of the site, or tls.certificateFile",
            },
          ];
    }),
  );
}

/** A connection begins with TLS or without it; one port cannot do both. */
function twoChannels({ sites }: PortSettings): readonly Finding[] {
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
              setting: `sites (${name}).bindings`,
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
              setting: `sites (${name}).bindings`,
              value: address,
              problem: "is not listened on",
              fix: `add it to listen.addresses, now ${addresses.join(", ")}`,
            },
          ],
    ),
  );
}
