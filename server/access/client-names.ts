/**
 * The host names of a client, for domain rules: looked up in reverse, confirmed forward, bounded
 * in time and number. Whoever owns an address can claim any name for it; only a name that leads
 * back to the address counts. Any failure yields no name, so that no rule with a host name
 * matches: an allow rule then admits nobody, a deny rule stops nobody.
 */
import { parseClientAddress } from "#contract";

/** DNS as the caller provides it; may reject, and may ignore the signal. */
export interface HostNameResolver {
  /** Names of an address (PTR). */
  reverse(address: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Addresses of a name (A and AAAA). */
  forward(name: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** A stranger decides how many names his address has; more than this are not looked at. */
export const MOST_NAMES_PER_ADDRESS = 8;

/**
 * Confirmed names of `address`, lower case, without dot at the end; empty when there are none or
 * when `signal` aborts first (give it a time limit: `ipRestrictions.lookupTimeoutSeconds`).
 */
export async function confirmHostNames(
  address: string,
  resolver: HostNameResolver,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wanted = parseClientAddress(address);
  if (wanted === undefined || signal.aborted) return [];
  const claimed = await answerOr([], resolver.reverse(address, signal), signal);
  const names = [...new Set(claimed.slice(0, MOST_NAMES_PER_ADDRESS).map(canonicalHostName))];
  const confirmed = await Promise.all(
    names.map(async (name) => {
      const addresses = await answerOr([], resolver.forward(name, signal), signal);
      return addresses.some((candidate) => {
        const parsed = parseClientAddress(candidate);
        return parsed?.family === wanted.family && parsed.value === wanted.value;
      });
    }),
  );
  return names.filter((_, index) => confirmed[index]);
}

export function canonicalHostName(name: string): string {
  return name.toLowerCase().replace(/\.$/u, "");
}

/** The answer, or `otherwise` when it fails or the signal aborts first. */
async function answerOr<T>(otherwise: T, answer: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // The answer is no longer awaited; its failure must not count as unhandled.
    answer.catch(() => undefined);
    return otherwise;
  }
  const { promise: aborted, resolve } = Promise.withResolvers<T>();
  const onAbort = (): void => resolve(otherwise);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([answer.catch(() => otherwise), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
