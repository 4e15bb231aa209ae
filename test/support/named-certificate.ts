/** Self-signed certificates with chosen names and dates. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { isIP } from "node:net";
import { webcrypto, X509Certificate } from "node:crypto";

export interface NamedCertificate {
  readonly certificate: string;
  readonly key: string;
  /** SHA-256, as OpenSSL writes it: upper case with colons. */
  readonly fingerprint: string;
}

export interface CertificateRequest {
  readonly names: readonly string[];
  /** Days from now; negative: in the past. */
  readonly fromDays?: number;
  readonly toDays?: number;
}

const MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A certificate that is valid from yesterday for a year, unless asked otherwise. */
export async function makeNamedCertificate({
  names,
  fromDays = -1,
  toDays = 365,
}: CertificateRequest): Promise<NamedCertificate> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const day = (days: number) => new Date(Date.now() + days * MILLISECONDS_PER_DAY);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${names[0] ?? "nobody"}`,
    notBefore: day(fromDays),
    notAfter: day(toDays),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
      ),
    ],
  });
  const certificate = made.toString("pem");
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certificate,
    key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
    fingerprint: new X509Certificate(certificate).fingerprint256,
  };
}
