/** `gangway make-certificate`: a self-signed certificate with its key, on stdout. */
import { InvalidArgumentError, type Command } from "commander";
import { makeSelfSigned } from "../../infra/certificate/self-signed.ts";

interface Options {
  readonly names: readonly string[];
  readonly days: number;
  readonly json?: boolean;
}

/** The longest validity that Apple's clients accept; no other common client is stricter. */
const DEFAULT_DAYS = 825;
const MOST_DAYS = 36500;

export function register(program: Command): void {
  program
    .command("make-certificate")
    .description(
      "Make a self-signed certificate (ECDSA P-256). Prints the certificate and then its private key as PEM.",
    )
    .requiredOption(
      "--names <list>",
      "DNS names and IP addresses that it covers, the preferred one first, separated by commas",
      parseNames,
    )
    .option("--days <number>", "validity in days", parseDays, DEFAULT_DAYS)
    .option("--json", "print JSON: certificate, key, fingerprint, validUntil")
    .action(async ({ names, days, json }: Options) => {
      const made = await makeSelfSigned({ names, validDays: days });
      process.stdout.write(
        json === true ? `${JSON.stringify(made)}\n` : made.certificate + made.key,
      );
    });
}

function parseNames(text: string): readonly string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > MOST_DAYS) {
    throw new InvalidArgumentError(`Write a whole number from 1 to ${String(MOST_DAYS)}.`);
  }
  return days;
}
