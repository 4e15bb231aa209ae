/** Kernel settings of the machine: reserved ports, keepalive, backlog. */
import { formatRange, type Keepalive, type PortRange } from "#contract";

/** Pending connections per listener, above what the server asks for. */
const LISTEN_BACKLOG = 4096;

/**
 * Replies on a connection after which Linux begins to delay acknowledgements. By default the first
 * is enough; then a client that uploads over TLS, with Nagle's algorithm on, holds the file back
 * until the end of its handshake is acknowledged: 40 ms for every file. A handshake takes two.
 */
const REPLIES_BEFORE_DELAYED_ACKNOWLEDGEMENT = 4;

/**
 * Renders a file for `sysctl -e -p`.
 *
 * @param listened every port that the server listens on. Passive ports lie inside Linux's
 *   ephemeral range, where an outgoing connection of the machine could take one first; reserved
 *   ports are never chosen for those.
 * @param keepalive for sockets that do not set their own.
 */
export function renderKernelSettings(listened: readonly PortRange[], keepalive: Keepalive): string {
  const settings = {
    "net.ipv4.ip_local_reserved_ports": listened.map(formatRange).join(","),
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
