/** Asking a person at the terminal. */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { CommandError } from "./errors.ts";

/**
 * Asks for a secret without echoing what is typed. The question goes to stderr, so that stdout
 * carries nothing but the command's result.
 *
 * @throws CommandError when the person interrupts with Ctrl-C or Ctrl-D.
 */
export async function askSecret(question: string): Promise<string> {
  const silent = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  try {
    const closed = new Promise<never>((_resolve, reject) => {
      lines.once("close", () => {
        reject(new CommandError("Interrupted; nothing was made."));
      });
    });
    return await Promise.race([lines.question(""), closed]);
  } finally {
    process.stderr.write("\n");
    lines.close();
  }
}
