/** Logging in and out: USER, PASS, ACCT, REIN, QUIT. */
import { setTimeout as pause } from "node:timers/promises";
import type { Account } from "#contract";
import { findAccount } from "../access/account-names.ts";
import { confirmHostNames } from "../access/client-names.ts";
import { formatIpDecision } from "../access/ip-restrictions.ts";
import { formatLogonDenial } from "../access/logon-attempts.ts";
import type { Authenticator, LoginAttempt, LoginOutcome } from "../auth/authenticator.ts";
import { describeObstacle } from "../access/account-standing.ts";
import { authorized, reply } from "../protocol/replies.ts";
import {
  judgeCertificate,
  withCertificate,
  type CertificateStanding,
} from "../session/certificate-login.ts";
import { checkCredentials } from "../session/gate.ts";
import type { Explanation, Outcome } from "../session/outcomes.ts";
import {
  createPrincipal,
  currentSite,
  findSite,
  isAdmitted,
  type Visit,
} from "../session/principal.ts";
import { findHome, prepareHome } from "../session/homes.ts";
import { openPresence } from "../session/presence.ts";
import { chooseByServerName, chooseByUserName, NO_CHOICE } from "../session/site-selection.ts";
import type { SiteView } from "../session/view.ts";
import {
  IMPLICIT_TLS_STATE,
  INITIAL_STATE,
  LOGGED_OUT,
  NO_LOGIN,
  type SessionState,
} from "../session/state.ts";
import { anything, nothing, text } from "./arguments.ts";
import { answer, anytime, type Command, type CommandContext } from "./command.ts";

type HostNames = SessionState["hostNames"];

const user = anytime("USER", text("name"), {}, async (context, argument) => {
  const { state, view, nowMs } = context;
  const chosen = chooseByUserName(view.sites, state.entrance, state.site, argument.trim());
  if (chosen.kind === "elsewhere") {
    const belongs = reply.notLoggedIn("This connection belongs to another host.");
    const reason = `site ${chosen.wanted} was named on a connection to another one`;
    return { kind: "reply", reply: belongs, next: LOGGED_OUT, reason, cause: "otherHost" };
  }
  const { userName, site } = chosen;
  const account = findAccount(view.accounts, userName);
  const refusal = checkCredentials(state, site.tlsPolicy, account?.anonymous ?? false);
  if (refusal !== undefined) return answer(refusal);
  const certificate = judgeCertificate(site, account, state, nowMs);
  if (certificate.kind === "sufficient") {
    return enterByCertificate(context, site, certificate);
  }
  if (certificate.kind === "missing") {
    const needed = reply.notLoggedIn("This site needs a client certificate that it trusts.");
    return {
      kind: "reply",
      reply: needed,
      next: LOGGED_OUT,
      reason: certificate.reason,
      cause: "credentials",
    };
  }
  return answer(
    reply.passwordNeeded(
      account?.anonymous === true ? "Anonymous login: any password will do." : "Password needed.",
    ),
    { ...LOGGED_OUT, login: { kind: "userNamed", userName, siteName: site.name } },
  );
});

const pass = anytime("PASS", anything, {}, async (context, argument) => {
  const { state, view, peerAddress, signal, nowMs } = context;
  const { login } = state;
  if (login.kind === "loggedIn") return answer(reply.badSequence("Logged in already."));
  if (login.kind === "none") return answer(reply.badSequence("Use USER first."));
  const { userName, siteName } = login;
  const account = findAccount(view.accounts, userName);
  const site = findSite(view, siteName) ?? view.sites[0];
  const refusal = checkCredentials(state, site.tlsPolicy, account?.anonymous ?? false);
  if (refusal !== undefined) return answer(refusal);
  const client = await identifyClient(context, site);
  const { hostNames } = client;
  if (client.denial !== undefined) {
    return refuse(context, { reason: client.denial, cause: "ipRestriction" }, hostNames);
  }
  const standing = view.logonAttempts.standing(peerAddress);
  // No password of a denied address is looked at, so that its guesses cost nothing.
  if (standing.kind === "denied" && !standing.logOnly) {
    const reason = formatLogonDenial(peerAddress, standing);
    return refuse(context, { reason, cause: "logonAttempts" }, hostNames);
  }
  const attempt = { userName, password: argument ?? "", peerAddress, siteName };
  const certificate = judgeCertificate(site, account, state, nowMs);
  const outcome = withCertificate(
    certificate,
    admit(siteName, await authenticate(view.authenticator, attempt, signal())),
  );
  if (outcome.kind === "accepted") {
    const shown = certificate.kind === "secondFactor" ? certificate.certificate : undefined;
    return enter(context, site, outcome.account, { hostNames, certificate: shown });
  }
  const after =
    outcome.undecided === true ? standing : view.logonAttempts.recordFailure(peerAddress);
  const denial = after.kind === "denied" ? `; ${formatLogonDenial(peerAddress, after)}` : "";
  const cause = outcome.undecided === true ? "authenticatorFailed" : "credentials";
  return refuse(context, { reason: `${outcome.reason}${denial}`, cause }, hostNames);
});

/** RFC 2228, reply 232: who shows a certificate of the account needs no PASS. */
async function enterByCertificate(
  context: CommandContext,
  site: SiteView,
  { account, certificate }: Extract<CertificateStanding, { kind: "sufficient" }>,
): Promise<Outcome> {
  const { peerAddress, nowMs, view } = context;
  const { hostNames, denial } = await identifyClient(context, site);
  if (denial !== undefined)
    return refuse(context, { reason: denial, cause: "ipRestriction" }, hostNames);
  const standing = view.logonAttempts.standing(peerAddress);
  if (standing.kind === "denied" && !standing.logOnly) {
    const reason = formatLogonDenial(peerAddress, standing);
    return refuse(context, { reason, cause: "logonAttempts" }, hostNames);
  }
  const obstacle = describeObstacle(account, nowMs);
  const login: LoginOutcome =
    obstacle === undefined ? { kind: "accepted", account } : { kind: "refused", reason: obstacle };
  const outcome = admit(site.name, login);
  if (outcome.kind === "refused") {
    return refuse(context, { reason: outcome.reason, cause: "credentials" }, hostNames);
  }
  const entered = await enter(context, site, account, { hostNames, certificate });
  return entered.kind === "reply" ? { ...entered, reply: authorized(entered.reply) } : entered;
}

/** Whether the site lets the client in, and under which names it was looked up. */
async function identifyClient(
  { state, view, peerAddress, signal }: CommandContext,
  { restrictions, settings }: SiteView,
): Promise<{ readonly denial: string | undefined; readonly hostNames: HostNames }> {
  const timeout = (): AbortSignal =>
    AbortSignal.timeout(settings.ipRestrictions.lookupTimeoutSeconds * 1000);
  const hostNames =
    restrictions.usesHostNames && state.hostNames === undefined
      ? await confirmHostNames(peerAddress, view.hostNames, AbortSignal.any([signal(), timeout()]))
      : state.hostNames;
  const decision = restrictions.forClient(peerAddress, hostNames ?? []).decide("/");
  const denial = decision.allowed ? undefined : formatIpDecision(decision, peerAddress);
  return { denial, hostNames };
}

/** An authenticator that fails lets nobody in; what was wrong with it stands in the log. */
async function authenticate(
  authenticator: Authenticator,
  attempt: LoginAttempt,
  signal: AbortSignal,
): Promise<LoginOutcome> {
  try {
    return await authenticator.authenticate(attempt, signal);
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: "refused", reason, undecided: true };
  }
}

/** Whoever has no business on a site is refused like anybody else. */
function admit(siteName: string, outcome: LoginOutcome): LoginOutcome {
  if (outcome.kind === "refused" || isAdmitted(outcome.account, siteName)) return outcome;
  const { name } = outcome.account;
  return { kind: "refused", reason: `accounts (${name}).sites does not hold ${siteName}` };
}

/**
 * The same reply for every reason, later with every failure, and the end after some. It comes at a
 * multiple of the delay since the command, so that the time does not tell what was looked at.
 */
async function refuse(
  { state, view, signal, nowMs }: CommandContext,
  because: Required<Explanation>,
  hostNames: HostNames,
): Promise<Outcome> {
  const { limits } = view;
  const failedLogins = state.failedLogins + 1;
  const step = failedLogins * limits.failedLoginDelayMilliseconds;
  const left = step - (Math.max(0, Date.now() - nowMs) % Math.max(1, step));
  await pause(left, undefined, { signal: signal() });
  return failedLogins >= limits.failedLogins
    ? { kind: "close", reply: reply.serviceClosing("Too many failed logins; goodbye."), ...because }
    : {
        kind: "reply",
        reply: reply.notLoggedIn("Login incorrect."),
        next: { login: NO_LOGIN, failedLogins, hostNames },
        ...because,
      };
}

async function enter(
  { view, peerAddress, figures }: CommandContext,
  site: SiteView,
  account: Account,
  client: Pick<Visit, "hostNames" | "certificate">,
): Promise<Outcome> {
  const admission = await openPresence(view, site, account, peerAddress);
  if (admission.kind === "refused") {
    const last = site.messages.tooManyClients();
    return { kind: "close", reply: last, reason: admission.reason, cause: "connectionLimit" };
  }
  const { presence } = admission;
  using held = new DisposableStack();
  held.use(presence);
  const { hostNames, certificate } = client;
  const visit = { peerAddress, hostNames, certificate, presence };
  const outcome = createPrincipal(view, site, account, visit);
  if (outcome.kind === "refused") return noHome(outcome.reason);
  const { principal } = outcome;
  const { home } = principal;
  const homeError = await prepareHome(site, home);
  if (homeError !== undefined) return noHome(`home ${home.root}: ${homeError.kind}`);
  const isThere =
    home.start === "/" || (await findHome(principal.storage, home.start)) === undefined;
  const start = isThere ? home.start : "/";
  // From here on the session's state holds it.
  held.move();
  return answer(site.messages.welcome(figures, account.name), {
    login: { kind: "loggedIn", principal },
    hostNames,
    folder: start,
    failedLogins: 0,
  });
}

function noHome(reason: string): Outcome {
  return {
    kind: "reply",
    reply: reply.notLoggedIn("The home folder is not available."),
    next: { login: NO_LOGIN },
    reason,
    cause: "home",
  };
}

const account = anytime("ACCT", anything, {}, () =>
  answer(reply.superfluous("No account information is needed.")),
);

/** Everything but TLS starts again, HOST too; failures keep counting. */
const reinitialise = anytime("REIN", nothing, { inClear: true }, ({ state, view }) => {
  const { entrance, handshake } = state;
  const serverName = handshake.kind === "done" ? handshake.serverName : undefined;
  return answer(reply.greeting("Ready for a new user."), {
    ...LOGGED_OUT,
    site: chooseByServerName(view.sites, entrance, serverName, NO_CHOICE),
    protection: (entrance.channel === "implicitTls" ? IMPLICIT_TLS_STATE : INITIAL_STATE)
      .protection,
  });
});

const quit = anytime("QUIT", anything, { inClear: true }, ({ view, state, figures }) => {
  const { login } = state;
  const userName = login.kind === "loggedIn" ? login.principal.account.name : undefined;
  return {
    kind: "close",
    reply: currentSite(view, state).messages.goodbye(figures, userName),
  };
});

export const ACCESS_COMMANDS: readonly Command[] = [user, pass, account, reinitialise, quit];
