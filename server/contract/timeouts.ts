/**
 * Idle timeouts and the keepalive derived from them.
 *
 * Azure forgets a flow that carries no packet for its idle timeout, silently. The control
 * connection of a long transfer is such a flow, so the server's TCP keepalive has to speak before
 * every timeout on the way. One number, `idleTimeoutMinutes`, derives all of them.
 */

/** TCP keepalive of a control connection, as `socket.setKeepAlive` and tcp(7) define it. */
export interface Keepalive {
  /** Silence before the first probe (TCP_KEEPIDLE). */
  readonly idleSeconds: number;
  /** Pause between unanswered probes (TCP_KEEPINTVL). */
  readonly intervalSeconds: number;
  /** Unanswered probes before the connection counts as dead (TCP_KEEPCNT). */
  readonly count: number;
}

/** Every idle timeout between a client and the server, in seconds. */
export interface IdleTimeouts {
  /** Public IP address, `idleTimeoutInMinutes`. */
  readonly publicIpSeconds: number;
  /** Virtual network, `flowTimeoutInMinutes`. */
  readonly virtualNetworkSeconds: number;
  /** Load-balancing and NAT rules of a fleet, `idleTimeoutInMinutes`. */
  readonly loadBalancerSeconds: number;
}

/** Azure's bounds of `idleTimeoutInMinutes` on a public IP address. */
export const SHORTEST_IDLE_TIMEOUT_MINUTES = 4;
export const LONGEST_IDLE_TIMEOUT_MINUTES = 30;

/** For sessions to end when the machine shuts down or somebody stops the server. */
export const STOP_DRAIN_SECONDS = 60;

/** Whoever shows a certificate warns so early: time enough to find out why nobody has renewed it. */
export const CERTIFICATE_WARNING_DAYS = 21;

/** Flows that the machine opens itself cannot be configured: Azure forgets them after 4 minutes. */
export const OUTBOUND_IDLE_TIMEOUT_SECONDS = SHORTEST_IDLE_TIMEOUT_MINUTES * 60;

/** A control connection must outlive a path that is dead for this long, with margin. */
const SURVIVED_OUTAGE_SECONDS = 60;
const LONGEST_KEEPALIVE_IDLE_SECONDS = 60;
const LONGEST_KEEPALIVE_INTERVAL_SECONDS = 15;
/** Linux refuses a larger TCP_KEEPCNT. */
const MOST_KEEPALIVE_PROBES = 127;

export function planIdleTimeouts(idleTimeoutMinutes: number): IdleTimeouts {
  const seconds = idleTimeoutMinutes * 60;
  return {
    publicIpSeconds: seconds,
    virtualNetworkSeconds: seconds,
    loadBalancerSeconds: seconds,
  };
}

/** The smallest of all idle timeouts: what the keepalive has to beat. */
export function shortestIdleTimeoutSeconds(timeouts: IdleTimeouts): number {
  return Math.min(
    timeouts.publicIpSeconds,
    timeouts.virtualNetworkSeconds,
    timeouts.loadBalancerSeconds,
  );
}

/**
 * Derives the keepalive from the shortest idle timeout: the first probe after a quarter of it (a
 * minute at most), so that several lost probes still leave one in time, and enough probes that an
 * outage of a minute does not end the session.
 *
 * @param idleSeconds overrides the derived silence before the first probe.
 */
export function planKeepalive(timeouts: IdleTimeouts, idleSeconds?: number): Keepalive {
  const shortest = shortestIdleTimeoutSeconds(timeouts);
  const interval = clamp(Math.floor(shortest / 16), 1, LONGEST_KEEPALIVE_INTERVAL_SECONDS);
  return {
    idleSeconds: idleSeconds ?? clamp(Math.floor(shortest / 4), 1, LONGEST_KEEPALIVE_IDLE_SECONDS),
    intervalSeconds: interval,
    count: clamp(Math.ceil((SURVIVED_OUTAGE_SECONDS * 2.5) / interval), 10, MOST_KEEPALIVE_PROBES),
  };
}

function clamp(value: number, lowest: number, highest: number): number {
  return Math.min(Math.max(value, lowest), highest);
}
