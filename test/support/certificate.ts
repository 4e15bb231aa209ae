/** Self-signed certificates for tests, made on the spot. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { webcrypto } from "node:crypto";

export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
  /** Chain and key in one text, the key first, as some stores deliver it. */
  readonly pem: string;
}

/** A certificate for `localhost` and 127.0.0.1 that is valid from an hour ago for a day. */
export async function makeTestCertificate(
  kind: "ecdsa" | "rsa" = "ecdsa",
): Promise<TestCertificate> {
  x509.cryptoProvider.set(webcrypto);
  const algorithm =
    kind === "ecdsa"
      ? { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
      : {
          name: "RSASSA-PKCS1-v1_5",
          modulusLength: 2048,
          publicExponent: new Uint8Array([1, 0, 1]),
          hash: "SHA-256",
        };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const hour = 60 * 60 * 1000;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=localhost",
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + 24 * hour),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
      ]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const lines = pkcs8.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  const key = `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
  const text = `${certificate.toString("pem")}\n`;
  return { certificate: text, key, pem: key + text };
}
