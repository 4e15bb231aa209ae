/**
 * The gate: whether a command may run in the state that the session is in. Pure; every rule that
 * holds for several commands is checked here, from the rules that the command table carries.
 */
import type { Right } from "#contract";
import { formatMissingRight } from "../access/explanation.ts";
import type { CommandRules } from "../commands/command.ts";
import { reply, type Reply } from "../protocol/replies.ts";
import type { Explanation } from "./outcomes.ts";
import type { Principal } from "./principal.ts";
import type { Pending, SessionState } from "./state.ts";
import type { SiteTlsPolicy } from "./view.ts";

export type TlsPolicy = Pick<SiteTlsPolicy, "controlPolicy" | "dataPolicy" | "certificateFile">;

/** What the client is told, and the log. */
export interface Refusal extends Explanation {
  readonly reply: Reply;
}

/** Why the command is refused, or undefined when it may run. */
export function checkGate(
  rules: CommandRules,
  state: SessionState,
  policy: TlsPolicy,
): Refusal | undefined {
  const early =
    checkControl(rules, state, policy) ?? checkLogin(rules, state) ?? checkSequence(rules, state);
  if (early !== undefined) return { reply: early };
  const denied = checkRight(rules, state);
  if (denied !== undefined) return denied;
  const late = checkData(rules, state, policy);
  return late === undefined ? undefined : { reply: late };
}

function checkControl(
  rules: CommandRules,
  state: SessionState,
  policy: TlsPolicy,
): Reply | undefined {
  return policy.controlPolicy === "require" && state.control === "clear" && !rules.inClear
    ? reply.policyDenied("TLS is required; use AUTH TLS first.")
    : undefined;
}

function checkLogin(rules: CommandRules, state: SessionState): Reply | undefined {
  return rules.login === "required" && state.login.kind !== "loggedIn"
    ? reply.notLoggedIn("Please log in with USER and PASS.")
    : undefined;
}

const MISSING = {
  rename: reply.badSequence("Use RNFR first."),
  restart: reply.badSequence("Use REST first."),
} as const satisfies Record<Exclude<Pending["kind"], "none">, Reply>;

function checkSequence(rules: CommandRules, state: SessionState): Reply | undefined {
  if (rules.needs !== undefined && state.pending.kind !== rules.needs) return MISSING[rules.needs];
  return rules.preparesData && state.extendedPassiveOnly
    ? reply.badSequence("Not after EPSV ALL; use EPSV.")
    : undefined;
}

function checkRight(rules: CommandRules, state: SessionState): Refusal | undefined {
  return rules.right === undefined || state.login.kind !== "loggedIn"
    ? undefined
    : checkAccountRight(state.login.principal, rules.right);
}

/** Whether the account could have the right anywhere; the rules of the site are asked by path. */
export function checkAccountRight(
  { account, rights }: Pick<Principal, "account" | "rights">,
  right: Right,
): Refusal | undefined {
  if (rights.has(right)) return undefined;
  return {
    reply: reply.fileUnavailable("Permission denied."),
    reason: formatMissingRight(account, right),
    cause: "authorizationRule",
  };
}

function checkData(rules: CommandRules, state: SessionState, policy: TlsPolicy): Reply | undefined {
  if (!rules.transfers) return undefined;
  const { level } = state.protection;
  if (policy.dataPolicy === "require" && level === "clear") {
    return reply.protectionMismatch("TLS is required on data connections; use PROT P.");
  }
  if (policy.dataPolicy === "deny" && level === "private") {
    return reply.protectionMismatch("TLS is not available on data connections; use PROT C.");
  }
  // The certificate may have gone since PROT P.
  if (policy.certificateFile === undefined && level === "private") {
    return reply.protectionMismatch("TLS is no longer available; use PROT C.");
  }
  return state.data.kind === "none" ? reply.noDataConnection("Use PASV or EPSV first.") : undefined;
}

/**
 * Whether credentials may be sent as the control connection is. Anonymous ones are no secret, but a
 * site that requires TLS does so for everybody.
 */
export function checkCredentials(
  state: SessionState,
  policy: TlsPolicy & Demands,
  anonymous: boolean,
): Reply | undefined {
  if (state.control === "private") return checkDemands(state, policy);
  return policy.controlPolicy === "require" ||
    (policy.controlPolicy === "requireForCredentials" && !anonymous)
    ? reply.policyDenied("TLS is required to log in; use AUTH TLS first.")
    : undefined;
}

/** What one site may ask of TLS and another may not. */
type Demands = Pick<SiteTlsPolicy, "minVersion" | "ciphers" | "sessionReuse">;

/**
 * A user name may lead to a stricter site than the one that TLS was set up for, whose channels the
 * session keeps (`tlsOfHandshake`).
 */
function checkDemands(
  { handshake }: SessionState,
  { minVersion, ciphers, sessionReuse }: Demands,
): Reply | undefined {
  if (handshake.kind !== "done") return undefined;
  const { version, channels } = handshake;
  if (minVersion === "TLSv1.3" && version === "TLSv1.2") {
    return reply.policyDenied("This site needs TLS 1.3.");
  }
  return (sessionReuse === "require" && !channels.requiresReuse) ||
    (ciphers !== "" && ciphers !== channels.ciphers)
    ? reply.policyDenied("This site has TLS of its own; name it by SNI or HOST before AUTH TLS.")
    : undefined;
}
