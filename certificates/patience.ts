/** Waiting for others: how long, how often, and what they themselves ask for. */
import { setTimeout as sleep } from "node:timers/promises";

/** How long the agent goes on asking. */
export interface Patience {
  /** For Azure's services: a new role assignment takes minutes to be honoured. */
  readonly azureMs: number;
  /** For a record to arrive at every name server. */
  readonly propagationMs: number;
  /** For the authority to look at a challenge, or to issue. */
  readonly authorityMs: number;
  /** First pause between two questions; it doubles up to `longestPauseMs`. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export const PATIENCE: Patience = {
  azureMs: 300_000,
  propagationMs: 300_000,
  authorityMs: 300_000,
  firstPauseMs: 1_000,
  longestPauseMs: 15_000,
};

/** What one attempt came to. `again` may name the pause that the other side asks for. */
export type Attempt<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "again"; readonly pauseMs?: number | undefined };

export const done = <T>(value: T): Attempt<T> => ({ kind: "done", value });

/**
 * Attempts until it is done.
 *
 * @returns undefined when `withinMs` would be over before the next attempt.
 */
export async function persist<T>(
  withinMs: number,
  { firstPauseMs, longestPauseMs }: Patience,
  attempt: () => Promise<Attempt<T>>,
): Promise<{ readonly value: T } | undefined> {
  const deadline = Date.now() + withinMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const result = await attempt();
    if (result.kind === "done") return { value: result.value };
    const wait = Math.max(result.pauseMs ?? 0, pauseMs);
    if (Date.now() + wait > deadline) return undefined;
    await sleep(wait);
  }
}

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3): seconds or a date. */
export function readRetryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(milliseconds, 0) : undefined;
}
