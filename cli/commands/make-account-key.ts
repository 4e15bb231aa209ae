/** `gangway make-account-key`: the private key of an account with a certificate authority. */
import { generateKeyPairSync } from "node:crypto";
import type { Command } from "commander";

export function register(program: Command): void {
  program
    .command("make-account-key")
    .description(
      "Make a key for an account with an ACME certificate authority (ECDSA P-256). Prints it as PEM; a stack with certificates of kind acme keeps it in its vault.",
    )
    .action(() => {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      process.stdout.write(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    });
}
