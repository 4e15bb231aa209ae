/** Which account a user name means. */
import type { Account } from "#contract";

/** By custom, `ftp` is another name of the anonymous account (RFC 1635). */
const ANONYMOUS = { name: "anonymous", alias: "ftp" } as const;

/**
 * The account of that very name, or the one that `DOMAIN\name` means, as Windows users write it
 * (a host name of a site goes before: `chooseByUserName`), or the anonymous one by its alias.
 *
 * @param accounts by name.
 */
export function findAccount(
  accounts: ReadonlyMap<string, Account>,
  userName: string,
): Account | undefined {
  const account = accounts.get(userName) ?? findInDomain(accounts, userName);
  if (account !== undefined || userName !== ANONYMOUS.alias) return account;
  const anonymous = accounts.get(ANONYMOUS.name);
  return anonymous?.anonymous === true ? anonymous : undefined;
}

function findInDomain(
  accounts: ReadonlyMap<string, Account>,
  userName: string,
): Account | undefined {
  const [, domain, name = ""] = /^([^\\]+)\\(.+)$/su.exec(userName) ?? [];
  const account = accounts.get(name);
  return domain !== undefined && account?.domain?.toLowerCase() === domain.toLowerCase()
    ? account
    : undefined;
}
