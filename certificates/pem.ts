/** Certificate files: chain and key in one PEM text, checked and put in order. */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { CertificateError } from "./errors.ts";

/** A chain with its key, of which everything a server needs has been found to hold. */
export interface CertificateFile {
  /** Leaf, intermediates, key: the order that servers read. */
  readonly pem: string;
  readonly leaf: X509Certificate;
  /** DNS names that it covers, in lower case. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const BLOCK = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g;

/**
 * Reads certificates and a key in any order.
 *
 * @param origin where the text comes from, for errors.
 * @throws CertificateError when there is no key, or no certificate that belongs to it.
 */
export function parsePem(text: string, origin: string): CertificateFile {
  const blocks = [...text.matchAll(BLOCK)].map(([block, label = ""]) => ({ block, label }));
  const keyBlock = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (keyBlock === undefined) throw unusable(origin, "holds no private key");
  const key = readKey(keyBlock.block, origin);
  const certificates = blocks
    .filter(({ label }) => label === "CERTIFICATE")
    .map(({ block }) => readCertificate(block, origin));
  const leaf = certificates.find((certificate) => certificate.checkPrivateKey(key));
  if (leaf === undefined) throw unusable(origin, "holds no certificate that belongs to its key");
  const chain = orderChain(leaf, certificates);
  const parts = [...chain.map(String), key.export({ type: "pkcs8", format: "pem" }).toString()];
  return {
    pem: parts.map((part) => `${part.trim()}\n`).join(""),
    leaf,
    names: [...(leaf.subjectAltName ?? "").matchAll(/DNS:([^,\s"]+)/g)].map(([, name = ""]) =>
      name.toLowerCase(),
    ),
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  };
}

function readKey(pem: string, origin: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw unusable(
      origin,
      "holds a private key that cannot be read, or one with a password",
      error,
    );
  }
}

function readCertificate(pem: string, origin: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw unusable(origin, "holds a certificate that cannot be parsed", error);
  }
}

/** From the leaf upwards; a root that signed itself is left out, clients have it or must not trust it. */
function orderChain(
  leaf: X509Certificate,
  certificates: readonly X509Certificate[],
): readonly X509Certificate[] {
  const chain = [leaf];
  for (let last = leaf; ;) {
    const issuer = certificates.find(
      (candidate) => !chain.includes(candidate) && last.checkIssued(candidate),
    );
    if (issuer === undefined || issuer.checkIssued(issuer)) return chain;
    chain.push(issuer);
    last = issuer;
  }
}

function unusable(origin: string, problem: string, cause?: unknown): CertificateError {
  return new CertificateError(
    "certificate",
    `${origin} ${problem}`,
    "store a certificate with its exportable, unencrypted private key, as PEM or PKCS #12",
    { cause },
  );
}
