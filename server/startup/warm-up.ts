/** What a process does once when it has started, before many sessions come. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { parseCommand } from "../protocol/commands.ts";

/**
 * Has V8 compile what is called often with its middle compiler, Maglev, after fewer calls than it waits
 * for by itself, 400, and 500 since its last surprise: it takes little time, and a process that has just
 * started serves its first thousands of sessions cheaper for it. To be called before what it is about.
 *
 * Many functions are then compiled while TurboFan, the last compiler, keeps V8's threads busy. What Maglev
 * needed for each would wait for one of these threads to let go of it: up to 5 MiB, which showed in
 * large listings. The main thread lets go of it at once.
 */
export function compileEarly(): void {
  setFlagsFromString("--invocation-count-for-maglev=100");
  setFlagsFromString("--minimum-invocations-after-ic-update=100");
  setFlagsFromString("--no-maglev-destroy-on-background");
}

/** Enough for V8 to compile for good what each line of a client goes through. */
const ROUNDS = 20;
/** In one turn of the event loop: some tenths of a millisecond. */
const LINES_PER_ROUND = 1000;
const SAMPLES = [
  "USER partner",
  "PASS secret",
  "TYPE I",
  "PASV",
  "EPSV",
  "RETR in/file.txt",
  "QUIT",
];

/**
 * Has V8 compile the parser of commands with its last compiler. That compiler's code, 5 MiB of Node's
 * binary, comes into memory with it: now, and not with some login among the first thousands, where it
 * would look like memory of sessions. It takes some milliseconds, a fraction of one at a time.
 */
export async function warmUp(): Promise<void> {
  const lines = Array.from(
    { length: LINES_PER_ROUND },
    (_, line) => SAMPLES[line % SAMPLES.length] ?? "",
  );
  for (let round = 0; round < ROUNDS; round++) {
    await nextTurn();
    // A loop written out would be compiled, too, with the parser in it: twice the time.
    lines.forEach(parseCommand);
  }
}
