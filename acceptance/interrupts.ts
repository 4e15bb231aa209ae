/** Ctrl-C: once leaves and cleans up, twice gives up and says what is left. */

export interface Interrupts {
  readonly leaving: AbortSignal;
  readonly givingUp: AbortSignal;
}

export function watchInterrupts(say: (line: string) => void): Interrupts {
  const leaving = new AbortController();
  const givingUp = new AbortController();
  const onInterrupt = (): void => {
    if (!leaving.signal.aborted) {
      say(
        "Leaving: what runs is stopped, then everything is removed. Ctrl-C again gives up on that.",
      );
      leaving.abort(new Error("interrupted"));
    } else {
      givingUp.abort(new Error("interrupted twice"));
    }
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onInterrupt);
  return { leaving: leaving.signal, givingUp: givingUp.signal };
}
