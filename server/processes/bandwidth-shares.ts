/**
 * Shares a bandwidth limit out to the workers that want it. Pure.
 *
 * A worker whose share held it back wants more, in proportion to its sessions; one that used less
 * than it had keeps what it used with some room to grow, and the rest goes to the others. All shares
 * together are the limit, never more.
 */
import type { ScopeUse } from "../access/bandwidth.ts";
import type { RateUse } from "../access/rate-node.ts";
import type { ScopeShare } from "./messages.ts";

/** What one worker did with its share. */
export interface ShareUse extends RateUse {
  /** Sessions that moved something. */
  readonly sessions: number;
}

/** What a worker gets in any case, as a part of an equal share: enough to begin at once. */
const FLOOR = 0.1;
/** Room to grow until the next look. */
const GROWTH = 1.5;

/**
 * @param limit bytes per second.
 * @param periodMs the time that the uses tell of.
 * @returns bytes per second for each of `uses`.
 */
export function shareOut(
  limit: number,
  uses: readonly ShareUse[],
  periodMs: number,
): readonly number[] {
  const floor = (limit / uses.length) * FLOOR;
  const wants = uses.map(({ bytes, held }) =>
    held ? Infinity : Math.max(0, (bytes / periodMs) * 1000 * GROWTH - floor),
  );
  const given = uses.map(() => 0);
  let left = limit - floor * uses.length;
  let open = uses.flatMap((_, index) => ((wants[index] ?? 0) > 0 ? [index] : []));
  while (open.length > 0 && left > 0) {
    const weights = open.reduce((sum, index) => sum + weightOf(uses[index]), 0);
    const perWeight = left / weights;
    const modest = open.filter((index) => (wants[index] ?? 0) <= perWeight * weightOf(uses[index]));
    const served = modest.length > 0 ? modest : open;
    for (const index of served) {
      const share = Math.min(wants[index] ?? 0, perWeight * weightOf(uses[index]));
      given[index] = share;
      left -= share;
    }
    open = open.filter((index) => !served.includes(index));
  }
  // What nobody wants is spread, so that whoever begins next finds it.
  const spare = Math.max(0, left) / uses.length;
  return given.map((share) => floor + share + spare);
}

function weightOf(use: ShareUse | undefined): number {
  return Math.max(1, use?.sessions ?? 1);
}

const IDLE: ShareUse = { bytes: 0, held: false, sessions: 0 };

/**
 * The shares of all limited scopes, for each worker in the order of `uses`; none where a scope is
 * used by nobody.
 */
export function planShares(
  uses: readonly (readonly ScopeUse[])[],
  periodMs: number,
): readonly (readonly ScopeShare[])[] {
  const scopes = new Map<string, ScopeUse>();
  for (const use of uses.flat()) scopes.set(JSON.stringify(use.keys), use);
  const shares: ScopeShare[][] = uses.map(() => []);
  for (const [key, { keys, limits }] of scopes) {
    const ofWorkers = uses.map((all) => all.find((use) => JSON.stringify(use.keys) === key));
    const part = (direction: "up" | "down", limit: number | undefined): readonly number[] =>
      limit === undefined
        ? uses.map(() => 1)
        : shareOut(
            limit,
            ofWorkers.map((use) =>
              use === undefined ? IDLE : { ...use[direction], sessions: use.sessions },
            ),
            periodMs,
          ).map((share) => share / limit);
    const up = part("up", limits.upBytesPerSecond);
    const down = part("down", limits.downBytesPerSecond);
    for (const [index, list] of shares.entries()) {
      list.push({ keys, up: up[index] ?? 1, down: down[index] ?? 1 });
    }
  }
  return shares;
}
