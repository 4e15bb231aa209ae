/** How much memory the process keeps that nobody uses. */
import { readFileSync } from "node:fs";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemCalls, type SystemCalls } from "./system-calls.ts";

/** A way to give memory back, and when: so many sessions have begun since, and none for this long. */
interface Release {
  readonly worthwhileSessions: number;
  readonly quietMilliseconds: number;
  readonly run: () => void;
}

/**
 * Keeps V8's heap near to what is in use of it: what it once took it hardly ever gives back, so that a
 * day of logins would leave three times as much as an hour. What transfers move is not in it.
 */
export function keepHeapSmall(): void {
  // Left alone, the space for new objects, 1 MiB, grows to 16, three times, under a rush of logins.
  setFlagsFromString("--semi-space-growth-factor=1");
  // Left alone, objects that outlive it, sessions foremost, pile up to four times those in use before
  // V8 looks which are garbage. Now it looks after half as many more, or 8 MiB where that is more.
  setFlagsFromString("--heap-growing-percent=50");
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

/** What logins and handshakes have left between the memory of the sessions that stay: some milliseconds. */
const TRIM: Release = {
  worthwhileSessions: 128,
  quietMilliseconds: 250,
  run: () => systemCalls()?.releaseMemory(),
};
/** Everything waits while V8 looks what is in use, some 2 ms for each MiB; garbage counts for the limit. */
const MOST_HEAP_BYTES = 32 * 1024 * 1024;

/**
 * What sessions that are over have left on V8's heap, and what V8 keeps of it for more: 7 to 12 MiB. The
 * next thousand logins cost some 100 ms more in all.
 */
const COLLECT: Release = {
  worthwhileSessions: 1000,
  quietMilliseconds: 2000,
  run: () => {
    if (getHeapStatistics().used_heap_size > MOST_HEAP_BYTES) return;
    collectGarbage();
    TRIM.run();
  },
};

/** Gives memory back to the system once a rush of sessions is over. */
export class SessionMemory {
  readonly #releases: readonly PendingRelease[];

  constructor(releases: readonly Release[] = [TRIM, COLLECT]) {
    this.#releases = releases.map((release) => new PendingRelease(release));
  }

  /** A session begins. */
  begin(): void {
    for (const release of this.#releases) release.begin();
  }
}

class PendingRelease {
  readonly #release: Release;
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(release: Release) {
    this.#release = release;
  }

  begin(): void {
    this.#begun++;
    if (this.#begun < this.#release.worthwhileSessions) return;
    this.#timer ??= setTimeout(() => this.#run(), this.#release.quietMilliseconds).unref();
    this.#timer.refresh();
  }

  #run(): void {
    this.#begun = 0;
    this.#timer = undefined;
    this.#release.run();
  }
}

type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

let collect: Collect | undefined;

/** Node has no function for it but with `--expose-gc`, which counts for contexts that begin after it. */
function exposeCollect(): Collect {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc") as Collect;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}

function collectGarbage(): void {
  collect ??= exposeCollect();
  // What is compiled is wanted again with the next session.
  setFlagsFromString("--no-flush-bytecode");
  try {
    // The only kind that also gives back at once the pages V8 keeps for more.
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
  } finally {
    setFlagsFromString("--flush-bytecode");
  }
}
