/** How much memory the process keeps that nobody uses. */
import { setFlagsFromString } from "node:v8";
import { systemCalls } from "./system-calls.ts";

/** Fewer new sessions leave too little behind to look for it. */
const WORTHWHILE_SESSIONS = 128;
/** No session has begun for this long. */
const QUIET_MS = 250;

/**
 * Keeps V8's space for new objects as small as it begins, 1 MiB. Left alone it grows to 16 MiB,
 * three times, under the first rush of logins, and is given back only many seconds after it. What
 * transfers move is not in it.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Gives back to the system what logins and handshakes have left between the memory of the sessions
 * that stay: several KiB for each. It takes a few milliseconds, so it waits until a rush is over.
 */
export class SessionMemory {
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;

  /** A session begins. */
  begin(): void {
    this.#begun++;
    if (this.#begun < WORTHWHILE_SESSIONS) return;
    this.#timer ??= setTimeout(() => this.#release(), QUIET_MS).unref();
    this.#timer.refresh();
  }

  #release(): void {
    this.#begun = 0;
    this.#timer = undefined;
    systemCalls()?.releaseMemory();
  }
}
