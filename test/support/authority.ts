/** A certificate authority for clients' certificates. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { webcrypto, X509Certificate } from "node:crypto";
import type { NamedCertificate } from "./named-certificate.ts";

export interface ClientCertificateRequest {
  /** For example `CN=alice, O=Partner`. */
  readonly subject: string;
  readonly names?: readonly { readonly type: "dns" | "email" | "url"; readonly value: string }[];
  /** Days from now; negative: in the past. */
  readonly toDays?: number;
}

export interface Authority {
  /** PEM. */
  readonly certificate: string;
  issue(request: ClientCertificateRequest): Promise<NamedCertificate>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000;
const day = (days: number) => new Date(Date.now() + days * MILLISECONDS_PER_DAY);
const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

export async function makeAuthority(name = "Test authority"): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await newKeys();
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: day(-400),
    notAfter: day(365),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    certificate: own.toString("pem"),
    async issue({ subject, names = [], toDays = 300 }) {
      const clientKeys = await newKeys();
      const made = await x509.X509CertificateGenerator.create({
        subject,
        issuer: own.subject,
        notBefore: day(-300),
        notAfter: day(toDays),
        signingAlgorithm: ALGORITHM,
        publicKey: clientKeys.publicKey,
        signingKey: keys.privateKey,
        extensions:
          names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])],
      });
      const certificate = made.toString("pem");
      const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", clientKeys.privateKey);
      return {
        certificate,
        key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
        fingerprint: new X509Certificate(certificate).fingerprint256,
      };
    },
  };
}
