/** Self-signed certificates, for deployments that have no authority behind them. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { ContractError } from "#contract";

/** A certificate and its key, as a server reads them. */
export interface SelfSigned {
  /** PEM: the chain, which is the one certificate. */
  readonly certificate: string;
  /** PEM: the private key (PKCS #8). */
  readonly key: string;
  /** SHA-256 of the certificate, upper-case pairs joined by colons as clients show it. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly validUntil: string;
}

/** What a certificate is made from. */
export interface CertificateRequest {
  /** DNS names (also `*.example.org`) and IP addresses, the preferred one first. */
  readonly names: readonly string[];
  readonly validDays: number;
  /** Milliseconds since 1970; now, unless a test says otherwise. */
  readonly now?: number;
}

const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
/** Clients whose clock is behind must not find the certificate to lie in the future. */
const CLOCK_SKEW_MILLISECONDS = 60 * 60 * 1000;
/** RFC 5280, ub-common-name. */
const LONGEST_COMMON_NAME = 64;
const DNS_NAME =
  /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/**
 * Makes a certificate for a server: ECDSA P-256, the names as subject alternative names (RFC 6125
 * ignores the subject), usable for server authentication only.
 *
 * @throws ContractError when there is no name, or one is neither a DNS name nor an address.
 */
export async function makeSelfSigned(request: CertificateRequest): Promise<SelfSigned> {
  const { names, validDays, now = Date.now() } = request;
  checkNames(names);
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const commonName = names.find((name) => name.length <= LONGEST_COMMON_NAME) ?? "gangway";
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [commonName] }],
      keys,
      notBefore: new Date(now - CLOCK_SKEW_MILLISECONDS),
      notAfter: new Date(now + validDays * DAY_MILLISECONDS),
      signingAlgorithm: { ...KEY_ALGORITHM, hash: "SHA-256" },
      extensions: [
        new SubjectAlternativeNameExtension(
          names.map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name })),
        ),
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certificate: `${certificate.toString("pem").trim()}\n`,
    key: `${PemConverter.encode(key, "PRIVATE KEY").trim()}\n`,
    fingerprint: formatFingerprint(await certificate.getThumbprint("SHA-256", webcrypto)),
    validUntil: certificate.notAfter.toISOString(),
  };
}

function checkNames(names: readonly string[]): void {
  const fix = "write DNS names or IP addresses, for example ftp.example.org,203.0.113.7";
  if (names.length === 0) {
    throw new ContractError([
      { setting: "names", value: "(empty)", problem: "names no server", fix },
    ]);
  }
  const wrong = names.filter((name) => isIP(name) === 0 && !DNS_NAME.test(name));
  if (wrong.length > 0) {
    throw new ContractError(
      wrong.map((name) => ({
        setting: "names",
        value: JSON.stringify(name),
        problem: "is neither a DNS name nor an IP address",
        fix,
      })),
    );
  }
}

function formatFingerprint(digest: ArrayBuffer): string {
  return (Buffer.from(digest).toString("hex").toUpperCase().match(/../g) ?? []).join(":");
}
