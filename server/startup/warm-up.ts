/** What a process does once when it has started, before many sessions come. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseCommand } from "../protocol/commands.ts";

/** Enough for V8 to compile for good what each line of a client goes through. */
const LINES = 20_000;
/** In one turn of the event loop: some tenths of a millisecond. */
const LINES_PER_TURN = 1000;
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
  for (let parsed = 0; parsed < LINES; parsed++) {
    if (parsed % LINES_PER_TURN === 0) await nextTurn();
    parseCommand(SAMPLES[parsed % SAMPLES.length] ?? "");
  }
}
