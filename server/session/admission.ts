/**
 * Whether a client may connect at all: address rules, failed logons, limits of the server. What
 * depends on the site and the account is decided at the login.
 */
import type { ConnectionCounts } from "../access/connection-limits.ts";
import { formatIpDecision } from "../access/ip-restrictions.ts";
import { formatLogonDenial } from "../access/logon-attempts.ts";
import type { ServerView, SiteView } from "./view.ts";

/** What an admission looks at. */
export interface AdmittingView extends Pick<ServerView, "settings" | "logonAttempts"> {
  readonly sites: readonly Pick<SiteView, "name" | "restrictions">[];
}

export type ConnectionAdmission =
  | {
      readonly kind: "admitted";
      /** The place among the server's connections; disposed when the connection is gone. */
      readonly place: Disposable;
      /** In mode `logOnly`: why the client would be denied. */
      readonly warning: string | undefined;
    }
  | ({ readonly kind: "refused" } & ConnectionRefusal);

export interface ConnectionRefusal {
  /** Name of the event in the log. */
  readonly event: "addressDenied" | "logonDenied" | "tooManySessions";
  readonly reason: string;
}

export function admitConnection(
  view: AdmittingView,
  connections: ConnectionCounts,
  address: string,
): ConnectionAdmission {
  const denied = describeAddressDenial(view, address);
  if (denied !== undefined) return { kind: "refused", event: "addressDenied", reason: denied };
  const standing = view.logonAttempts.standing(address);
  const denial = standing.kind === "denied" ? formatLogonDenial(address, standing) : undefined;
  if (denial !== undefined && standing.kind === "denied" && !standing.logOnly) {
    return { kind: "refused", event: "logonDenied", reason: denial };
  }
  const admission = connections.admit({ kind: "server" }, view.settings.limits, address);
  return admission.kind === "admitted"
    ? { kind: "admitted", place: admission.place, warning: denial }
    : { kind: "refused", event: "tooManySessions", reason: admission.reason };
}

/**
 * Why no site would let the client in, or undefined when one may. A site that asks for host names
 * may: they are looked up at the login.
 */
function describeAddressDenial({ sites }: AdmittingView, address: string): string | undefined {
  const reasons = sites.map(({ name, restrictions }) => {
    if (restrictions.usesHostNames) return undefined;
    const decision = restrictions.forClient(address, []).decide("/");
    return decision.allowed ? undefined : `site ${name}: ${formatIpDecision(decision, address)}`;
  });
  return reasons.includes(undefined) ? undefined : reasons.join("; ");
}
