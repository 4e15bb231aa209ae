/** Which account a user name means. */
import type { Account } from "#contract";

/** By custom, `ftp` is another name of the anonymous account (RFC 1635). */
const ANONYMOUS = { name: "anonymous", alias: "ftp" } as const;

/** @param accounts by name. An account that is called `ftp` itself goes before the alias. */
export function findAccount(
  accounts: ReadonlyMap<string, Account>,
  userName: string,
): Account | undefined {
  const account = accounts.get(userName);
  if (account !== undefined || userName !== ANONYMOUS.alias) return account;
  const anonymous = accounts.get(ANONYMOUS.name);
  return anonymous?.anonymous === true ? anonymous : undefined;
}
