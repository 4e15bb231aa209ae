/** TLS: AUTH, PBSZ, PROT, CCC (RFC 2228, RFC 4217). */
import type { TlsPolicy } from "#contract";
import { reply } from "../protocol/replies.ts";
import { currentSite } from "../session/principal.ts";
import { LOGGED_OUT, PRIVATE_PROTECTION } from "../session/state.ts";
import { nothing, text, value } from "./arguments.ts";
import { answer, anytime, type Command } from "./command.ts";

/** Mechanism → whether it implies PROT P. */
const MECHANISMS: ReadonlyMap<string, { readonly protectsData: boolean }> = new Map([
  ["TLS", { protectsData: false }],
  ["TLS-C", { protectsData: false }],
  ["TLS-P", { protectsData: true }],
  ["SSL", { protectsData: true }],
]);

const auth = anytime(
  "AUTH",
  text("mechanism"),
  { inClear: true, features: ({ view }) => (view.tls === undefined ? [] : ["AUTH TLS"]) },
  ({ state, view }, argument) => {
    const { tlsPolicy } = currentSite(view, state);
    const mechanism = MECHANISMS.get(argument.trim().toUpperCase());
    if (mechanism === undefined) {
      return answer(reply.parameterNotImplemented("Unknown mechanism; use AUTH TLS."));
    }
    if (state.control === "private") {
      return answer(reply.badSequence("TLS protects this connection already."));
    }
    if (view.tls === undefined) {
      return answer(
        reply.securityUnavailable("TLS is not available: the server has no certificate."),
      );
    }
    const protectsData = mechanism.protectsData && tlsPolicy.dataPolicy !== "deny";
    return {
      kind: "secure",
      reply: reply.securityExchanged("Begin TLS now."),
      // RFC 2228 section 3: a login from before belongs to whoever was on the line in the clear.
      next: {
        ...LOGGED_OUT,
        control: "private",
        protection: protectsData ? PRIVATE_PROTECTION : { sized: false, level: "clear" },
      },
    };
  },
);

const HIGHEST_BUFFER_SIZE = 2 ** 32 - 1;

const bufferSize = anytime(
  "PBSZ",
  value("<size>", "Needs a size from 0 to 4294967295.", (argument) =>
    /^\d{1,10}$/u.test(argument) && Number(argument) <= HIGHEST_BUFFER_SIZE
      ? Number(argument)
      : undefined,
  ),
  { inClear: true, features: ({ view }) => (view.tls === undefined ? [] : ["PBSZ"]) },
  ({ state }, size) => {
    if (state.control === "clear") return answer(reply.badSequence("Use AUTH TLS first."));
    return answer(reply.ok(size === 0 ? "PBSZ 0." : "PBSZ=0"), {
      protection: { ...state.protection, sized: true },
    });
  },
);

const protection = anytime(
  "PROT",
  text("level"),
  { inClear: true, features: ({ view }) => (view.tls === undefined ? [] : ["PROT"]) },
  ({ state, view }, argument) => {
    if (!state.protection.sized) return answer(reply.badSequence("Use PBSZ 0 first."));
    const { dataPolicy } = currentSite(view, state).tlsPolicy;
    switch (argument.trim().toUpperCase()) {
      case "P":
        return dataPolicy === "deny"
          ? answer(reply.policyDenied("TLS is not available on data connections."))
          : answer(reply.ok("Data connections are private."), { protection: PRIVATE_PROTECTION });
      case "C":
        return dataPolicy === "require"
          ? answer(reply.policyDenied("TLS is required on data connections."))
          : answer(reply.ok("Data connections are clear."), {
              protection: { sized: true, level: "clear" },
            });
      case "S":
      case "E":
        return answer(reply.protectionUnsupported("Use PROT P or PROT C."));
    }
    return answer(reply.parameterNotImplemented("Unknown level; use PROT P or PROT C."));
  },
);

/**
 * RFC 4217 sections 5 and 15.3: what a firewall on the way may read again, once nobody's password
 * comes.
 */
const clearCommands = anytime(
  "CCC",
  nothing,
  {
    inClear: true,
    features: ({ state, view }) =>
      view.tls !== undefined && mayClear(currentSite(view, state).tlsPolicy) ? ["CCC"] : [],
  },
  ({ state, view }) => {
    if (state.control === "clear") {
      return answer(reply.protectionDenied("The control connection is clear already."));
    }
    const { channels } = state.handshake.kind === "done" ? state.handshake : {};
    if (!mayClear(currentSite(view, state).tlsPolicy) || channels?.clearable !== true) {
      return answer(reply.protectionDenied("The control connection stays private."));
    }
    if (state.login.kind !== "loggedIn") {
      return answer(reply.badSequence("Log in first: a password needs TLS."));
    }
    return {
      kind: "clear",
      reply: reply.ok("The control connection is clear from here."),
      next: { control: "clear" },
    };
  },
);

function mayClear({ clearCommandChannel, controlPolicy }: TlsPolicy): boolean {
  return clearCommandChannel && controlPolicy !== "require";
}

export const SECURITY_COMMANDS: readonly Command[] = [auth, bufferSize, protection, clearCommands];
