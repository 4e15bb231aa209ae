/** Key Vault: secrets and certificates of one machine. */
import { CertificateError } from "../errors.ts";
import { textAt, type Azure } from "./azure.ts";
import { pemOfPkcs12 } from "./pkcs12.ts";

const API_VERSION = "7.4";
const PEM = "application/x-pem-file";
const PKCS12 = "application/x-pkcs12";

export class KeyVault {
  readonly #azure: Azure;
  readonly #audience: string;

  constructor(azure: Azure, audience: string) {
    this.#azure = azure;
    this.#audience = audience;
  }

  /**
   * Reads a secret as text; chain and key of a certificate as PEM, however the vault keeps them.
   * https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret
   *
   * @param secretId URI of the secret, with a version or without.
   * @returns undefined when there is no such secret.
   */
  async readSecret(secretId: string): Promise<string | undefined> {
    const { status, body } = await this.#azure.call({
      audience: this.#audience,
      method: "GET",
      url: `${secretId}?api-version=${API_VERSION}`,
      kind: "vault",
      what: `reading ${secretId}`,
      fix: "check the URI, that the vault's firewall admits the machine, and that its identity holds Key Vault Secrets User there",
    });
    if (status === 404) return undefined;
    const value = textAt(body, "value");
    if (value === undefined) {
      const fix = "check that the URI is that of a secret in a key vault";
      throw new CertificateError("vault", `${secretId} gave an answer without a value`, fix);
    }
    return textAt(body, "contentType") === PKCS12
      ? pemOfPkcs12(Buffer.from(value, "base64"), secretId)
      : value;
  }

  /**
   * The same for a secret that has to be there.
   *
   * @param fix what to do when it is not.
   * @throws CertificateError when there is no such secret.
   */
  async requireSecret(secretId: string, fix: string): Promise<string> {
    const text = await this.readSecret(secretId);
    if (text !== undefined) return text;
    throw new CertificateError("vault", `${secretId} does not exist`, fix);
  }

  /**
   * Stores chain and key as a new version of a certificate.
   * https://learn.microsoft.com/rest/api/keyvault/certificates/import-certificate/import-certificate
   *
   * @param certificateId `https://VAULT…/certificates/NAME`
   */
  async importCertificate(certificateId: string, pem: string): Promise<void> {
    const { status } = await this.#azure.call({
      audience: this.#audience,
      method: "POST",
      url: `${certificateId}/import?api-version=${API_VERSION}`,
      body: { value: pem, policy: { secret_props: { contentType: PEM } } },
      kind: "vault",
      what: `storing ${certificateId}`,
      fix: "check that the machine's identity holds Key Vault Certificates Officer on the vault",
    });
    if (status === 404) {
      throw new CertificateError(
        "vault",
        `storing ${certificateId}: the vault does not exist`,
        "run pulumi up, which makes it",
      );
    }
  }
}

/** URI of the secret that stands behind a certificate. */
export function secretOfCertificate(certificateId: string): string {
  return certificateId.replace("/certificates/", "/secrets/");
}
