/** `gangway hash-password`: what stands in an account's `passwordHash`. */
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { UsageError } from "../errors.ts";
import { askSecret } from "../prompt.ts";

interface Options {
  readonly stdin?: boolean;
}

export function register(program: Command): void {
  program
    .command("hash-password")
    .description("Hash a password for an account's passwordHash: salted, and costly to guess.")
    .option("--stdin", "read the password from standard input, up to its first line break")
    .action(async ({ stdin }: Options) => {
      const password = stdin === true ? await readFirstLine() : await askTwice();
      if (password === "")
        throw new UsageError("The password is empty; give it at least one character.");
      process.stdout.write(`${await hashPassword(password)}\n`);
    });
}

async function readFirstLine(): Promise<string> {
  const input = await text(process.stdin);
  return input.split(/\r?\n/, 1)[0] ?? "";
}

async function askTwice(): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new UsageError("There is no terminal to ask for the password; pass it with --stdin.");
  }
  const password = await askSecret("Password: ");
  const again = await askSecret("Again: ");
  if (password !== again) throw new UsageError("The two passwords differ; run the command again.");
  return password;
}
