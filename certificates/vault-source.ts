/** Certificates that lie in a vault: made by the stack, or by somebody else. */
import { CERTIFICATE_EVENTS, type CertificateAgentSettings } from "#contract";
import { CertificateError } from "./errors.ts";
import { endsSoon, formatTime } from "./expiry.ts";
import { readCertificate, writeCertificate } from "./files.ts";
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
  const { folder, immediate, log, now, vault } = run;
  const stored =
    immediate || source.storeFile === undefined
      ? undefined
      : await readCertificate(source.storeFile);
  const certificate =
    stored !== undefined && !endsSoon(stored, now())
      ? stored
      : await readFromVault(vault, source.secretId);
  if (!(await writeCertificate(folder, name, certificate))) return;
  log("info", CERTIFICATE_EVENTS.delivered, {
    certificate: name,
    from: certificate === stored ? "extension" : "vault",
    fingerprint: certificate.leaf.fingerprint256,
    expires: formatTime(certificate.notAfterMs),
  });
}

async function readFromVault(vault: Run["vault"], secretId: string): Promise<CertificateFile> {
  const text = await vault.readSecret(secretId);
  if (text !== undefined) return parsePem(text, secretId);
  throw new CertificateError(
    "vault",
    `${secretId} does not exist`,
    "check the URI, and that the certificate was not deleted or disabled",
  );
}
