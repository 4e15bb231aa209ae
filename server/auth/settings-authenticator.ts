/** The first adapter: accounts that stand in the settings. */
import { randomBytes } from "node:crypto";
import type { Account } from "#contract";
import { findAccount } from "../access/account-names.ts";
import { describeObstacle } from "../access/account-standing.ts";
import { clientKey } from "../access/client-key.ts";
import { TooManyHashesError, type HashClient } from "./hash-turns.ts";
import type { Authenticator, LoginAttempt, LoginOutcome } from "./authenticator.ts";
import {
  DEFAULT_SCRYPT,
  parseHash,
  verifyPassword,
  type ScryptParameters,
} from "./password-hash.ts";
import { RememberedLogins } from "./remembered-logins.ts";

/** How long a right password is taken on its word before it is hashed again. */
const REMEMBERED_MS = 60_000;

/**
 * Checks passwords against the hashes of the settings. Somebody who does not exist, is disabled or
 * has expired costs as much time as a wrong password: a hash with the same parameters.
 *
 * A right password is remembered for a minute by a keyed hash, so that a device that logs in every
 * few seconds does not cost a memory-hard hash each time; wrong ones never are.
 */
export class SettingsAuthenticator implements Authenticator {
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #decoyHash: string;
  readonly #remembered: RememberedLogins<true>;
  readonly #now: () => number;

  /** @param now milliseconds since the epoch. */
  constructor(accounts: readonly Account[], now: () => number = Date.now) {
    this.#accounts = new Map(accounts.map((account) => [account.name, account]));
    this.#decoyHash = decoyHash(mostCommonParameters(accounts));
    this.#now = now;
    this.#remembered = new RememberedLogins(REMEMBERED_MS, now);
  }

  async authenticate(
    { userName, password, peerAddress }: LoginAttempt,
    signal?: AbortSignal,
  ): Promise<LoginOutcome> {
    const account = findAccount(this.#accounts, userName);
    const obstacle = account === undefined ? "unknown user" : describe(account, this.#now());
    if (account?.anonymous === true) {
      return obstacle === undefined ? { kind: "accepted", account } : refused(obstacle);
    }
    const hash = account?.passwordHash ?? this.#decoyHash;
    let right: boolean;
    try {
      right = await this.#verify(hash, password, {
        client: clientKey(peerAddress),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (!(error instanceof TooManyHashesError)) throw error;
      return {
        kind: "refused",
        reason: "too many passwords wait to be checked",
        undecided: true,
      };
    }
    if (account === undefined || obstacle !== undefined) return refused(obstacle ?? "unknown user");
    return right ? { kind: "accepted", account } : refused("wrong password");
  }

  async #verify(hash: string, password: string, client: HashClient): Promise<boolean> {
    const login = this.#remembered.nameOf([hash, password]);
    if (this.#remembered.find(login) !== undefined) return true;
    const right = await verifyPassword(hash, password, client);
    if (right) this.#remembered.remember(login, true);
    return right;
  }
}

/** Why an account cannot log in whatever the password, for the log only. */
function describe(account: Account, nowMs: number): string | undefined {
  const obstacle = describeObstacle(account, nowMs);
  if (obstacle !== undefined) return obstacle;
  return !account.anonymous && account.passwordHash === undefined
    ? "account has no password"
    : undefined;
}

function refused(reason: string): LoginOutcome {
  return { kind: "refused", reason };
}

/** The parameters that most accounts use: the cost that an unknown user has to be worth. */
function mostCommonParameters(accounts: readonly Account[]): ScryptParameters {
  const counts = new Map<string, { parameters: ScryptParameters; count: number }>();
  for (const { passwordHash } of accounts) {
    const parameters = passwordHash === undefined ? undefined : parseHash(passwordHash)?.parameters;
    if (parameters === undefined) continue;
    const key = JSON.stringify(parameters);
    counts.set(key, { parameters, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const [most] = [...counts.values()].toSorted((a, b) => b.count - a.count);
  return most?.parameters ?? DEFAULT_SCRYPT;
}

/** A hash that no password has: its bytes are random, not derived. */
function decoyHash({ logCost, blockSize, parallelism }: ScryptParameters): string {
  const [salt, hash] = [randomBytes(16), randomBytes(32)].map((bytes) =>
    bytes.toString("base64").replace(/=+$/, ""),
  );
  return `$scrypt$ln=${String(logCost)},r=${String(blockSize)},p=${String(parallelism)}$${String(salt)}$${String(hash)}`;
}
