/** Certificates that lie in a vault: made by the stack, or by somebody else. */
import type { CertificateAgentSettings } from "#contract";
import { deliverCertificate } from "./delivery.ts";
import { endsSoon } from "./expiry.ts";
import { readCertificate } from "./files.ts";
import { parsePem, type CertificateFile } from "./pem.ts";
import type { Run } from "./run.ts";

type SecretSource = Extract<
  CertificateAgentSettings["certificates"][number]["source"],
  { readonly kind: "secret" }
>;

/**
 * Takes the certificate from the store of the Key Vault VM extension, which looks for new versions
 * by itself. The vault is asked when somebody waits, when the extension has brought nothing
 * usable, or when it seems to have stopped.
 *
 * @throws CertificateError
 */
export async function fetchFromVault(run: Run, name: string, source: SecretSource): Promise<void> {
  const { immediate, now, vault } = run;
  const stored =
    immediate || source.storeFile === undefined
      ? undefined
      : await readCertificate(source.storeFile);
  const certificate =
    stored !== undefined && !endsSoon(stored, now())
      ? stored
      : await readFromVault(vault, source.secretId);
  const from = certificate === stored ? "extension" : "vault";
  await deliverCertificate(run, name, certificate, from);
}

async function readFromVault(vault: Run["vault"], secretId: string): Promise<CertificateFile> {
  const fix = "check the URI, and that the certificate was not deleted or disabled";
  return parsePem(await vault.requireSecret(secretId, fix), secretId);
}
