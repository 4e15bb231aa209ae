/** Accounts of the settings first; whom they do not know, the hook is asked about. */
import type { Account } from "#contract";
import type { Authenticator } from "./authenticator.ts";

/** By custom, `ftp` is another name for the anonymous account (RFC 1635). */
const ANONYMOUS_ALIAS = "ftp";

/**
 * Joins the two adapters. A name that the settings hold never leaves this machine, so a hook can
 * neither learn its password nor take it over. For every other name both run side by side: who is
 * in neither costs at least as much time as a wrong password does.
 */
export function chainAuthenticators(
  accounts: readonly Account[],
  settings: Authenticator,
  hook: Authenticator,
): Authenticator {
  const known = new Set(accounts.map(({ name }) => name));
  if (accounts.some(({ anonymous }) => anonymous)) known.add(ANONYMOUS_ALIAS);
  return {
    async authenticate(attempt, signal) {
      if (known.has(attempt.userName)) return settings.authenticate(attempt, signal);
      const [, outcome] = await Promise.all([
        settings.authenticate(attempt, signal),
        hook.authenticate(attempt, signal),
      ]);
      return outcome;
    },
  };
}
