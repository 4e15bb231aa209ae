/** Kernel settings of the machine: reserved ports, keepalive, backlog. */
import { formatRange, LISTEN_BACKLOG, type Keepalive, type PortRange } from "#contract";

/**
 * Replies on a connection after which Linux begins to delay acknowledgements. By default the first
 * is enough; then a client that uploads over TLS, with Nagle's algorithm on, holds the file back
 * until the end of its handshake is acknowledged: 40 ms for every file. A handshake takes two.
 */
const REPLIES_BEFORE_DELAYED_ACKNOWLEDGEMENT = 4;

export interface KernelNeeds {
  /**
   * Every port that the server listens on. Passive ports lie inside Linux's ephemeral range, where
   * an outgoing connection of the machine could take one first; reserved ports are never chosen for
   * those.
   */
  readonly listened: readonly PortRange[];
  /** For sockets that do not set their own. */
  readonly keepalive: Keepalive;
  /** The lowest port that may be bound without privileges. */
  readonly lowestOpenPort: number;
}

/** Renders a file for `sysctl -e -p`. */
export function renderKernelSettings({ listened, keepalive, lowestOpenPort }: KernelNeeds): string {
  const settings = {
    "net.ipv4.ip_local_reserved_ports": listened.map(formatRange).join(","),
    "net.ipv4.ip_unprivileged_port_start": lowestOpenPort,
    "net.ipv4.tcp_keepalive_time": keepalive.idleSeconds,
    "net.ipv4.tcp_keepalive_intvl": keepalive.intervalSeconds,
    "net.ipv4.tcp_keepalive_probes": keepalive.count,
    "net.core.somaxconn": LISTEN_BACKLOG,
    "net.ipv4.tcp_max_syn_backlog": LISTEN_BACKLOG,
    // Linux 6.7 and newer; the dash lets older ones go without.
    "-net.ipv4.tcp_pingpong_thresh": REPLIES_BEFORE_DELAYED_ACKNOWLEDGEMENT,
  };
  return [
    "# Rendered by Gangway from the stack's settings; changes made here are overwritten.",
    ...Object.entries(settings).map(([key, value]) => `${key} = ${String(value)}`),
    "",
  ].join("\n");
}
