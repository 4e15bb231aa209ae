/** Logging in and out: USER, PASS, ACCT, REIN, QUIT. */
import { setTimeout as pause } from "node:timers/promises";
import type { Account } from "#contract";
import { confirmHostNames } from "../access/client-names.ts";
import { formatIpDecision } from "../access/ip-restrictions.ts";
import type { Home } from "../access/isolation.ts";
import { formatLogonDenial } from "../access/logon-attempts.ts";
import { planPathMapping, type MappedPath } from "../access/path-mapping.ts";
import type { Authenticator, LoginAttempt, LoginOutcome } from "../auth/authenticator.ts";
import { parentOf } from "../protocol/paths.ts";
import { reply } from "../protocol/replies.ts";
import { checkCredentials } from "../session/gate.ts";
import type { Explanation, Outcome } from "../session/outcomes.ts";
import {
  createPrincipal,
  currentSite,
  findAccount,
  findSite,
  isAdmitted,
  storageOf,
} from "../session/principal.ts";
import { openPresence } from "../session/presence.ts";
import { chooseByServerName, chooseByUserName, NO_CHOICE } from "../session/site-selection.ts";
import type { SiteView } from "../session/view.ts";
import { INITIAL_STATE, LOGGED_OUT, NO_LOGIN, type SessionState } from "../session/state.ts";
import { StorageError, type Storage } from "../storage/storage.ts";
import { anything, nothing, text } from "./arguments.ts";
import { answer, anytime, type Command, type CommandContext } from "./command.ts";

type HostNames = SessionState["hostNames"];

const user = anytime("USER", text("name"), {}, ({ state, view }, argument) => {
  const chosen = chooseByUserName(view.sites, state.channel, state.site, argument.trim());
  if (chosen.kind === "elsewhere") {
    const belongs = reply.notLoggedIn("This connection belongs to another host.");
    const reason = `site ${chosen.wanted} was named on a connection to another one`;
    return { kind: "reply", reply: belongs, next: LOGGED_OUT, reason, cause: "otherHost" };
  }
  const { userName } = chosen;
  const account = findAccount(view, userName);
  const refusal = checkCredentials(state, view.settings.tls, account?.anonymous ?? false);
  if (refusal !== undefined) return answer(refusal);
  return answer(
    reply.passwordNeeded(
      account?.anonymous === true ? "Anonymous login: any password will do." : "Password needed.",
    ),
    { ...LOGGED_OUT, login: { kind: "userNamed", userName, siteName: chosen.site.name } },
  );
});

const pass = anytime("PASS", anything, {}, async (context, argument) => {
  const { state, view, peerAddress, signal } = context;
  const { login } = state;
  if (login.kind === "loggedIn") return answer(reply.badSequence("Logged in already."));
  if (login.kind === "none") return answer(reply.badSequence("Use USER first."));
  const { userName, siteName } = login;
  const anonymous = findAccount(view, userName)?.anonymous ?? false;
  const refusal = checkCredentials(state, view.settings.tls, anonymous);
  if (refusal !== undefined) return answer(refusal);
  const site = findSite(view, siteName) ?? view.sites[0];
  const client = await identifyClient(context, site);
  const { hostNames } = client;
  if (client.denial !== undefined) {
    return refuse(context, { reason: client.denial, cause: "ipRestriction" }, hostNames);
  }
  // Asked before, acted on after the password was checked: a denial takes as long as a refusal.
  const standing = view.logonAttempts.standing(peerAddress);
  const attempt = { userName, password: argument ?? "", peerAddress, siteName };
  const outcome = admit(siteName, await authenticate(view.authenticator, attempt, signal()));
  if (standing.kind === "denied" && !standing.logOnly) {
    const reason = formatLogonDenial(peerAddress, standing);
    return refuse(context, { reason, cause: "logonAttempts" }, hostNames);
  }
  if (outcome.kind === "accepted") {
    return enter(context, site, outcome.account, hostNames);
  }
  const after =
    outcome.undecided === true ? standing : view.logonAttempts.recordFailure(peerAddress);
  const denial = after.kind === "denied" ? `; ${formatLogonDenial(peerAddress, after)}` : "";
  const cause = outcome.undecided === true ? "authenticatorFailed" : "credentials";
  return refuse(context, { reason: `${outcome.reason}${denial}`, cause }, hostNames);
});

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

/** The same reply for every reason, later with every failure, and the end after some. */
async function refuse(
  { state, view, signal }: CommandContext,
  because: Required<Explanation>,
  hostNames: HostNames,
): Promise<Outcome> {
  const { limits } = view;
  const failedLogins = state.failedLogins + 1;
  await pause(failedLogins * limits.failedLoginDelayMilliseconds, undefined, { signal: signal() });
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
  hostNames: HostNames,
): Promise<Outcome> {
  const admission = openPresence(view, site, account, peerAddress);
  if (admission.kind === "refused") {
    const last = site.messages.tooManyClients();
    return { kind: "close", reply: last, reason: admission.reason, cause: "connectionLimit" };
  }
  const { presence } = admission;
  using held = new DisposableStack();
  held.use(presence);
  const outcome = createPrincipal(view, site, account, { peerAddress, hostNames, presence });
  if (outcome.kind === "refused") return noHome(outcome.reason);
  const { principal } = outcome;
  const { home } = principal;
  const { folder, storagePath } = locateHome(site, home.root);
  const storage = storageOf(site, folder);
  const homeError =
    home.whenMissing === "create"
      ? await makeHome(storage, storagePath)
      : await findHome(storage, storagePath);
  if (homeError !== undefined) return noHome(`home ${home.root}: ${homeError.kind}`);
  const start = (await findHome(principal.storage, home.start)) === undefined ? home.start : "/";
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

/** Where a home lies: its path of the site, as somebody sees it who is not confined. */
function locateHome(site: SiteView, root: string): MappedPath {
  const { settings } = site;
  return planPathMapping(settings.root, settings.virtualDirectories, WHOLE_SITE).map(root);
}

const WHOLE_SITE: Home = {
  root: "/",
  confined: false,
  start: "/",
  whenMissing: "refuse",
  globalVirtualDirectories: true,
};

/** What is wrong with a folder that has to exist. */
async function findHome(storage: Storage, home: string): Promise<StorageError | undefined> {
  try {
    const entry = await storage.entry(home);
    return entry.kind === "directory" ? undefined : new StorageError("notADirectory");
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return error;
  }
}

/** Makes sure that a home exists, with all folders on the way. */
async function makeHome(storage: Storage, home: string): Promise<StorageError | undefined> {
  const fault = await findHome(storage, home);
  if (fault?.kind !== "notFound" || home === "/") return fault;
  const parentError = await makeHome(storage, parentOf(home));
  if (parentError !== undefined) return parentError;
  try {
    await storage.makeDirectory(home);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    // Another session of the same account may have been faster.
    return error.kind === "exists" ? undefined : error;
  }
  return undefined;
}

const account = anytime("ACCT", anything, {}, () =>
  answer(reply.superfluous("No account information is needed.")),
);

/** Everything but TLS starts again, HOST too; failures keep counting. */
const reinitialise = anytime("REIN", nothing, { inClear: true }, ({ state, view }) => {
  const { channel, handshake } = state;
  const serverName = handshake.kind === "done" ? handshake.serverName : undefined;
  return answer(reply.greeting("Ready for a new user."), {
    ...LOGGED_OUT,
    site: chooseByServerName(view.sites, channel, serverName, NO_CHOICE),
    protection: INITIAL_STATE.protection,
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
