/** Why an account cannot log in, whatever the client proves. */
import { parseExpiry, type Account } from "#contract";

/** For the log only; undefined: nothing stands in its way. */
export function describeObstacle(account: Account, nowMs: number): string | undefined {
  if (account.disabled) return "account is disabled";
  return hasExpired(account, nowMs) ? `account has expired on ${account.expires ?? ""}` : undefined;
}

/** @param nowMs milliseconds since the epoch. */
export function hasExpired({ expires }: Pick<Account, "expires">, nowMs: number): boolean {
  return expires !== undefined && nowMs >= (parseExpiry(expires) ?? 0);
}
