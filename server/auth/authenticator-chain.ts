/** Accounts of the settings first; whom they do not know, the hook is asked about. */
import { setTimeout as pause } from "node:timers/promises";
import type { Account } from "#contract";
import { findAccount } from "../access/account-names.ts";
import type { Authenticator } from "./authenticator.ts";

/**
 * Joins the two adapters. A name that the settings hold never leaves this machine, so a hook can
 * neither learn its password nor take it over. For every other name both run side by side: who is
 * in neither costs at least as much time as a wrong password does. A refusal that the hook had no
 * part in takes as long as the hook took last, so that time does not tell who holds a name.
 */
export function chainAuthenticators(
  accounts: readonly Account[],
  settings: Authenticator,
  hook: Authenticator,
): Authenticator {
  const known = new Map(accounts.map((account) => [account.name, account]));
  let hookTookMs = 0;
  const askHook: Authenticator["authenticate"] = async (attempt, signal) => {
    const beganMs = performance.now();
    const outcome = await hook.authenticate(attempt, signal);
    if (outcome.kind === "refused") hookTookMs = performance.now() - beganMs;
    return outcome;
  };
  return {
    async authenticate(attempt, signal) {
      if (findAccount(known, attempt.userName) === undefined) {
        const [, outcome] = await Promise.all([
          settings.authenticate(attempt, signal),
          askHook(attempt, signal),
        ]);
        return outcome;
      }
      const beganMs = performance.now();
      const outcome = await settings.authenticate(attempt, signal);
      const leftMs = hookTookMs - (performance.now() - beganMs);
      if (outcome.kind === "refused" && leftMs > 0) await pause(leftMs, undefined, { signal });
      return outcome;
    },
  };
}
