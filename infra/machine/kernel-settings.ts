/** Kernel settings of the machine: reserved ports, keepalive, backlog. */
import { formatRange, type Keepalive, type PortRange } from "#contract";

/** Pending connections per listener, above what the server asks for. */
const LISTEN_BACKLOG = 4096;

/**
 * Renders a file for `sysctl -p`.
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
  };
  return [
    "# Rendered by Gangway from the stack's settings; changes made here are overwritten.",
    ...Object.entries(settings).map(([key, value]) => `${key} = ${String(value)}`),
    "",
  ].join("\n");
}
