/**
 * Logon attempt restrictions as in IIS: N failures within a window deny the client for a while.
 *
 * The table is bounded: it never holds more clients than `mostClients`, however many attack. Both
 * of its halves are kept in the order in which entries expire, so that expiry looks only at the
 * front. A successful logon forgives nothing: otherwise an attacker with one account of his own
 * could guess at others for ever.
 */
import { addressBlocksOf, blockContains, parseClientAddress, type LogonAttempts } from "#contract";
import { clientKey } from "./client-key.ts";

/** Milliseconds that never go backwards, such as `performance.now()`. */
export type NowMs = () => number;

export type LogonStanding =
  | { readonly kind: "open" }
  /** `logOnly`: the client would be denied; it is let through and the log says so. */
  | { readonly kind: "denied"; readonly remainingMs: number; readonly logOnly: boolean };

export interface LogonAttemptsTable {
  /** Asked when a client connects and before each PASS. */
  standing(address: string): LogonStanding;
  /** Counts a failed logon. `denied` is returned for the failure that begins a denial, too. */
  recordFailure(address: string): LogonStanding;
  /** Takes over a denial that another process of the server has begun. */
  deny(address: string, remainingMs: number): void;
  /** Clients in the table, for metrics and status. */
  size(): { readonly counting: number; readonly denied: number };
}

/** Bounds the table's memory: some 10 MB in the worst case. */
const MOST_TRACKED_CLIENTS = 20_000;

const OPEN: LogonStanding = { kind: "open" };

/** Opens an empty table; on a change of settings open a new one (denials begin anew). */
export function openLogonAttempts(
  settings: LogonAttempts,
  nowMs: NowMs,
  mostClients = MOST_TRACKED_CLIENTS,
): LogonAttemptsTable {
  const windowMs = settings.windowSeconds * 1000;
  const denyMs = settings.denySeconds * 1000;
  const allowed = settings.allowList.flatMap(addressBlocksOf);
  /** Times of recent failures by client, in the order of the last failure. */
  const counting = new Map<string, readonly number[]>();
  /** When each denial ends, in that order. */
  const denied = new Map<string, number>();

  const isExempt = (address: string): boolean => {
    if (settings.mode === "off") return true;
    const parsed = parseClientAddress(address);
    return parsed !== undefined && allowed.some((block) => blockContains(block, parsed));
  };

  const expire = (now: number): void => {
    for (const [key, endsMs] of denied) {
      if (endsMs > now) break;
      denied.delete(key);
    }
    for (const [key, times] of counting) {
      if ((times.at(-1) ?? 0) + windowMs > now) break;
      counting.delete(key);
    }
  };

  /** Makes room for one entry: whoever has only begun to fail goes before whoever is denied. */
  const makeRoom = (): void => {
    while (counting.size + denied.size >= mostClients) {
      const half = counting.size > 0 ? counting : denied;
      const [oldest] = half.keys();
      if (oldest === undefined) return;
      half.delete(oldest);
    }
  };

  const standingOf = (key: string, now: number): LogonStanding => {
    const endsMs = denied.get(key);
    return endsMs === undefined
      ? OPEN
      : { kind: "denied", remainingMs: endsMs - now, logOnly: settings.mode === "logOnly" };
  };

  return {
    standing: (address) => {
      if (isExempt(address)) return OPEN;
      const now = nowMs();
      expire(now);
      return standingOf(clientKey(address), now);
    },
    recordFailure: (address) => {
      if (isExempt(address)) return OPEN;
      const now = nowMs();
      expire(now);
      const key = clientKey(address);
      // Failures during a denial do not lengthen it: whoever shares the address gets back in.
      if (denied.has(key)) return standingOf(key, now);
      const times = [...(counting.get(key) ?? []).filter((time) => time + windowMs > now), now];
      counting.delete(key);
      makeRoom();
      if (times.length >= settings.failures) denied.set(key, now + denyMs);
      else counting.set(key, times);
      return standingOf(key, now);
    },
    deny: (address, remainingMs) => {
      if (isExempt(address)) return;
      const now = nowMs();
      expire(now);
      const key = clientKey(address);
      counting.delete(key);
      if (denied.has(key)) return;
      makeRoom();
      denied.set(key, now + remainingMs);
    },
    size: () => {
      expire(nowMs());
      return { counting: counting.size, denied: denied.size };
    },
  };
}

/** One sentence without a full stop, for the log. */
export function formatLogonDenial(
  address: string,
  { remainingMs, logOnly }: Extract<LogonStanding, { kind: "denied" }>,
): string {
  const seconds = String(Math.ceil(remainingMs / 1000));
  return logOnly
    ? `${clientKey(address)} would be denied for ${seconds} s: too many failed logons; logonAttempts.mode is logOnly`
    : `${clientKey(address)} is denied for ${seconds} s: too many failed logons (logonAttempts)`;
}
