/**
 * Whether a client may connect at all: address rules, failed logons, limits of the server. What
 * depends on the site and the account is decided at the login.
 */
import type { ConnectionCounts, ConnectionLimits } from "../access/connection-limits.ts";
import { formatIpDecision, type IpDecision } from "../access/ip-restrictions.ts";
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

/**
 * Lets the machine's own health check in whatever is full or denied: an upgrade asks for greetings,
 * and would be undone for nothing. Its login, if it tries one, is decided as everybody's.
 */
export function admitConnection(
  view: AdmittingView,
  connections: ConnectionCounts,
  address: string,
): ConnectionAdmission {
  const decisions = decideSites(view, address);
  const denied = describeAddressDenial(decisions, address);
  if (denied !== undefined) return { kind: "refused", event: "addressDenied", reason: denied };
  const isHealthCheck = decisions.some(({ decision }) => decision?.reason.kind === "healthCheck");
  const standing = view.logonAttempts.standing(address);
  const denial = standing.kind === "denied" ? formatLogonDenial(address, standing) : undefined;
  if (denial !== undefined && standing.kind === "denied" && !standing.logOnly && !isHealthCheck) {
    return { kind: "refused", event: "logonDenied", reason: denial };
  }
  const limits = isHealthCheck ? NO_LIMITS : view.settings.limits;
  const admission = connections.admit({ kind: "server" }, limits, address);
  return admission.kind === "admitted"
    ? { kind: "admitted", place: admission.place, warning: denial }
    : { kind: "refused", event: "tooManySessions", reason: admission.reason };
}

/** Connections are counted all the same. */
const NO_LIMITS: ConnectionLimits = {};

interface SiteDecision {
  readonly site: string;
  /** Undefined at a site that asks for host names: they are looked up at the login. */
  readonly decision: IpDecision | undefined;
}

function decideSites({ sites }: AdmittingView, address: string): readonly SiteDecision[] {
  return sites.map(({ name, restrictions }) => {
    const decision = restrictions.forClient(address, []).decide("/");
    const isSettled = !restrictions.usesHostNames || decision.reason.kind === "healthCheck";
    return { site: name, decision: isSettled ? decision : undefined };
  });
}

/** Why no site would let the client in, or undefined when one may. */
function describeAddressDenial(
  decisions: readonly SiteDecision[],
  address: string,
): string | undefined {
  const reasons = decisions.map(({ site, decision }) =>
    decision === undefined || decision.allowed
      ? undefined
      : `site ${site}: ${formatIpDecision(decision, address)}`,
  );
  return reasons.includes(undefined) ? undefined : reasons.join("; ");
}
