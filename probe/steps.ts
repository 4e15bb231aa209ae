/** Time limits: every wait of the probe ends, and says what it was waiting for. */
import { ProbeFault, type Symptom } from "./symptoms.ts";

/**
 * Runs `task` under a limit. Its signal aborts with a ProbeFault of `symptom` when the limit
 * passes, or with the reason of `signal` when that aborts first; the task must heed it.
 */
export async function within<T>(
  milliseconds: number,
  symptom: Symptom,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new ProbeFault(symptom));
  }, milliseconds);
  const pass = () => {
    limit.abort(signal.reason);
  };
  signal.addEventListener("abort", pass, { once: true });
  try {
    return await task(limit.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", pass);
  }
}

/** A limit on one wait, as checks pass it to the client. */
export interface StepLimit {
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

/** Like `within`, for a wait on an open connection. */
export async function waitFor<T>(
  waitingFor: string,
  limit: StepLimit,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return within(limit.milliseconds, { kind: "stalled", waitingFor }, limit.signal, task);
}

/** Settles as `start` says, or rejects with the signal's reason, whichever comes first. */
export async function settle<T>(
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void,
): Promise<T> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => {
    reject(signal.reason);
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    start(resolve, reject);
    return await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
