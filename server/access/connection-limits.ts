/**
 * Control connections counted per server, site, account and client address, at the same time.
 *
 * A session passes three gates as it becomes known: the server when it connects, the site when that
 * is chosen, the account when it has logged in. Each gate admits to all of its scopes or to none.
 */
import { clientKey } from "./client-key.ts";

/** What a gate counts for. */
export type CountedScope =
  | { readonly kind: "server" }
  | { readonly kind: "site"; readonly site: string }
  | { readonly kind: "account"; readonly site: string; readonly account: string };

/** The limits of a scope: `ServerLimits`, `SiteLimits` and `AccountLimits` all fit. */
export interface ConnectionLimits {
  readonly connections?: number | undefined;
  readonly connectionsPerAddress?: number | undefined;
}

/** A place that a session holds; disposing it gives the place back, once. */
export type ConnectionPlace = Disposable;

export type Admission =
  | { readonly kind: "admitted"; readonly place: ConnectionPlace }
  | {
      readonly kind: "refused";
      readonly limit: keyof ConnectionLimits;
      readonly allowed: number;
      /** For the log; names scope and limit. */
      readonly reason: string;
    };

export interface ConnectionCounts {
  /** Limits are given with each call, so that changed settings hold for the next session. */
  admit(scope: CountedScope, limits: ConnectionLimits, address: string): Admission;
  /** Connections of a scope now, for metrics and status. */
  count(scope: CountedScope): number;
}

/** Counts that another process may keep, so that the answer may take a moment. */
export interface SharedConnectionCounts {
  admit(
    scope: CountedScope,
    limits: ConnectionLimits,
    address: string,
  ): Admission | Promise<Admission>;
}

/** Opens the counts of a server, all zero. */
export function openConnectionCounts(): ConnectionCounts {
  const counts = new Map<string, Count>();
  const countOf = (key: string): number => counts.get(key)?.connections ?? 0;
  const take = (key: string): Count => {
    const count = counts.get(key) ?? { key, connections: 0 };
    count.connections++;
    counts.set(key, count);
    return count;
  };

  return {
    admit: (scope, limits, address) => {
      const key = keyOf(scope);
      const client = clientKey(address);
      const addressKey = JSON.stringify([key, client]);
      const checks = [
        { limit: "connections", key, subject: "" },
        { limit: "connectionsPerAddress", key: addressKey, subject: ` from ${client}` },
      ] as const;
      for (const { limit, key: counted, subject } of checks) {
        const allowed = limits[limit];
        if (allowed !== undefined && countOf(counted) >= allowed) {
          const reason = `${describe(scope)} already has ${String(countOf(counted))} connections${subject}; limits.${limit} is ${String(allowed)}`;
          return { kind: "refused", limit, allowed, reason };
        }
      }
      return { kind: "admitted", place: new CountedPlace(counts, take(key), take(addressKey)) };
    },
    count: (scope) => countOf(keyOf(scope)),
  };
}

interface Count {
  readonly key: string;
  connections: number;
}

/** Every session holds three, so they have neither closures nor keys of their own. */
class CountedPlace implements ConnectionPlace {
  readonly #counts: Map<string, Count>;
  readonly #ofAddress: Count;
  #ofScope: Count | undefined;

  constructor(counts: Map<string, Count>, ofScope: Count, ofAddress: Count) {
    this.#counts = counts;
    this.#ofScope = ofScope;
    this.#ofAddress = ofAddress;
  }

  [Symbol.dispose](): void {
    if (this.#ofScope === undefined) return;
    for (const count of [this.#ofScope, this.#ofAddress]) {
      count.connections--;
      // Keys without connections go, so that memory follows the sessions.
      if (count.connections === 0) this.#counts.delete(count.key);
    }
    this.#ofScope = undefined;
  }
}

/** As JSON, so that no name can run into another. */
function keyOf(scope: CountedScope): string {
  switch (scope.kind) {
    case "server":
      return JSON.stringify([scope.kind]);
    case "site":
      return JSON.stringify([scope.kind, scope.site]);
    case "account":
      return JSON.stringify([scope.kind, scope.site, scope.account]);
  }
}

function describe(scope: CountedScope): string {
  switch (scope.kind) {
    case "server":
      return "the server";
    case "site":
      return `site ${scope.site}`;
    case "account":
      return `account ${scope.account} of site ${scope.site}`;
  }
}
