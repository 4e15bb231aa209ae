/** What a session holds of the limits that it shares with others, while it is logged in. */
import type { Account, Bandwidth } from "#contract";
import type { SessionBandwidth } from "../access/bandwidth.ts";
import type { ConnectionPlace } from "../access/connection-limits.ts";
import type { RateLimiter } from "../data/data-flow.ts";
import type { SessionLimits } from "./limits.ts";
import type { TransferPlan } from "./outcomes.ts";
import type { Login } from "./state.ts";
import type { ServerView, SiteView } from "./view.ts";

/** Places among the connections of site and account, and a share of their bandwidth. */
export interface Presence extends Disposable {
  readonly bandwidth: SessionBandwidth;
}

export type PresenceOutcome =
  | { readonly kind: "present"; readonly presence: Presence }
  /** The reason is for the log; it names the limit. */
  | { readonly kind: "refused"; readonly reason: string };

/** Takes the places that a login needs, or none. */
export async function openPresence(
  view: ServerView,
  site: SiteView,
  account: Account,
  address: string,
): Promise<PresenceOutcome> {
  using held = new DisposableStack();
  const places: ConnectionPlace[] = [];
  const gates = [
    { scope: { kind: "site", site: site.name }, limits: site.settings.limits },
    {
      scope: { kind: "account", site: site.name, account: account.name },
      limits: account.limits,
    },
  ] as const;
  for (const { scope, limits } of gates) {
    const admission = await view.connections.admit(scope, limits, address);
    if (admission.kind === "refused") return admission;
    places.push(held.use(admission.place));
  }
  const bandwidth = held.use(
    view.bandwidth.open(
      [
        { key: siteKey(site.name), limits: site.settings.limits.bandwidth },
        { key: accountKey(account.name), limits: account.limits.bandwidth },
      ],
      narrower(site.settings.limits.sessionBandwidth, account.limits.sessionBandwidth),
    ),
  );
  held.move();
  // A copy takes no room for more of them.
  return { kind: "present", presence: new HeldPresence(bandwidth, [...places]) };
}

/** Every session holds one, so it has no closures. */
class HeldPresence implements Presence {
  readonly bandwidth: SessionBandwidth;
  readonly #places: readonly ConnectionPlace[];

  constructor(bandwidth: SessionBandwidth, places: readonly ConnectionPlace[]) {
    this.bandwidth = bandwidth;
    this.#places = places;
  }

  [Symbol.dispose](): void {
    this.bandwidth[Symbol.dispose]();
    for (const place of this.#places) place[Symbol.dispose]();
  }
}

/** The limits of one transfer. */
export interface TransferLimits extends SessionLimits {
  /** Undefined where nothing limits the session's bandwidth when the transfer begins. */
  readonly rateLimiter: RateLimiter | undefined;
}

export function planTransferLimits(
  limits: SessionLimits,
  login: Login,
  { direction }: TransferPlan,
): TransferLimits {
  if (login.kind !== "loggedIn") return { ...limits, rateLimiter: undefined };
  const { bandwidth } = login.principal.visit.presence;
  const way = direction === "receive" ? "up" : "down";
  const rateLimiter: RateLimiter = {
    take: (bytes, signal) => bandwidth.take(way, bytes, signal),
    chunkBytes: () => bandwidth.chunkBytes(way),
  };
  return { ...limits, rateLimiter: bandwidth.isLimited(way) ? rateLimiter : undefined };
}

/** Has the bandwidth of sessions that are logged in follow changed settings. */
export function applyBandwidth({ settings, bandwidth, sites, accounts }: ServerView): void {
  bandwidth.setLimits([], settings.limits.bandwidth);
  for (const site of sites) {
    bandwidth.setLimits([siteKey(site.name)], site.settings.limits.bandwidth);
    for (const account of accounts.values()) {
      const keys = [siteKey(site.name), accountKey(account.name)];
      bandwidth.setLimits(keys, account.limits.bandwidth);
      bandwidth.setSessionLimits(
        keys,
        narrower(site.settings.limits.sessionBandwidth, account.limits.sessionBandwidth),
      );
    }
  }
}

function siteKey(name: string): string {
  return `site:${name}`;
}

function accountKey(name: string): string {
  return `account:${name}`;
}

/** Of two limits of one session, what both allow. */
function narrower(a: Bandwidth, b: Bandwidth): Bandwidth {
  return {
    upBytesPerSecond: lower(a.upBytesPerSecond, b.upBytesPerSecond),
    downBytesPerSecond: lower(a.downBytesPerSecond, b.downBytesPerSecond),
  };
}

function lower(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
