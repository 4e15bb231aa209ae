/** Keys and signing requests (RFC 2986) for certificates. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  PemConverter,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import type { CertificateKeyType } from "#contract";

/** A new key, and the request for a certificate of it. */
export interface SigningRequest {
  /** DER, base64url: what ACME sends. */
  readonly csr: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const ALGORITHMS = {
  ecdsaP256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  rsa2048: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
} as const satisfies Record<CertificateKeyType, object>;

/** Every certificate has a key of its own: names in the subject are history, the SAN counts. */
export async function makeSigningRequest(
  hostNames: readonly string[],
  keyType: CertificateKeyType,
): Promise<SigningRequest> {
  const algorithm = ALGORITHMS[keyType];
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new SubjectAlternativeNameExtension(
          hostNames.map((value) => ({ type: "dns", value }) as const),
        ),
      ],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    csr: Buffer.from(request.rawData).toString("base64url"),
    key: PemConverter.encode(key, "PRIVATE KEY"),
  };
}

/**
 * How ACME names a certificate that it has issued (RFC 9773, 4.1).
 *
 * @returns undefined for one without an authority key identifier.
 */
export function renewalIdOf(pem: string): string | undefined {
  const certificate = new X509Certificate(pem);
  const issuer = certificate.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  if (issuer === undefined) return undefined;
  const encode = (hex: string) => Buffer.from(hex, "hex").toString("base64url");
  return `${encode(issuer)}.${encode(derInteger(certificate.serialNumber))}`;
}

/** Bytes of a positive number in DER: a first bit that is set would make it negative. */
function derInteger(hex: string): string {
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
}
