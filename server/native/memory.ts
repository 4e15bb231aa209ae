/** How much memory the process keeps that nobody uses. */
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { systemCalls, type SystemCalls } from "./system-calls.ts";

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
 * A mapping of data that is only read, and how much of it is no longer the file's own, in memory and in
 * swap (smaps of proc(5)).
 */
const MAPPING =
  /^([0-9a-f]+)-([0-9a-f]+) r--p \S+ \S+ \S+ +(\/.*)\n(?:[A-Z].*\n)*?Anonymous: +(\d+) kB\n(?:[A-Z].*\n)*?Swap: +(\d+) kB$/gmu;

/**
 * Lets go of Node's constant data: the start reads most of it once, V8's snapshot above all, and the
 * kernel maps sixteen pages at a time, some 15 MiB. What is used again comes back from the page cache,
 * without reading. Node's code stays, since the first sessions use it again. It takes some five
 * milliseconds.
 *
 * @param readMappings the process' own mappings, as /proc/self/smaps tells them
 */
export function releaseStartup(
  program: string,
  readMappings: () => string = () => readFileSync("/proc/self/smaps", "utf8"),
  calls: Pick<SystemCalls, "unmapPages"> | undefined = systemCalls(),
): void {
  if (calls === undefined) return;
  try {
    for (const [, from = "", to = "", file, changed, swapped] of readMappings().matchAll(MAPPING)) {
      // What is no longer the file's would be lost.
      if (file !== program || changed !== "0" || swapped !== "0") continue;
      const address = BigInt(`0x${from}`);
      calls.unmapPages(address, Number(BigInt(`0x${to}`) - address));
    }
  } catch {
    // Without /proc nothing is known, and nothing is let go.
  }
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
