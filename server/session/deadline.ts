/** Work that ends with what it belongs to, or when it takes too long. */

/**
 * Runs something with a signal that aborts when `outer` does or when the time is over. Nothing is
 * kept of it afterwards: `AbortSignal.any` and `timeout` would stay until the time is over.
 */
export async function inTime<T>(
  outer: AbortSignal,
  seconds: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const abort = (): void => either.abort(outer.reason);
  const timer = setTimeout(abort, seconds * 1000);
  if (outer.aborted) abort();
  outer.addEventListener("abort", abort, { once: true });
  try {
    return await run(either.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", abort);
  }
}
