/** What a server's certificate proves, each question on its own. Pure but for reading the socket. */
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from "node:tls";
import { isIP } from "node:net";
import { CERTIFICATE_WARNING_DAYS } from "#contract";
import type { Symptom } from "./symptoms.ts";

/** The facts of a handshake that the checks judge. */
export interface PeerFacts {
  readonly certificate: PeerCertificate;
  /** Lower-case hexadecimal SHA-256 of the certificate. */
  readonly fingerprint: string;
  /** OpenSSL's verdict on chain and dates; undefined when it trusts them. */
  readonly chainError: string | undefined;
  readonly version: string;
}

export function readPeer(socket: TLSSocket): PeerFacts {
  const certificate = socket.getPeerCertificate();
  const error: unknown = socket.authorizationError;
  return {
    certificate,
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    chainError: socket.authorized
      ? undefined
      : error instanceof Error
        ? error.message
        : String(error),
    version: socket.getProtocol() ?? "unknown",
  };
}

/** What the certificate has to satisfy. */
export interface TrustExpectations {
  /** The first one is the host. */
  readonly names: readonly string[];
  readonly fingerprint: string | undefined;
}

/**
 * Who this is: by the pinned fingerprint when there is one, else by the authorities.
 * Undefined when trusted.
 */
export function judgeChain(
  peer: PeerFacts,
  { fingerprint }: TrustExpectations,
): Symptom | undefined {
  if (fingerprint !== undefined) {
    return peer.fingerprint === fingerprint
      ? undefined
      : { kind: "fingerprintDiffers", expected: fingerprint, actual: peer.fingerprint };
  }
  return peer.chainError === undefined ? undefined : { kind: "untrusted", reason: peer.chainError };
}

/**
 * Whether a password may be sent to this peer: a pin settles it alone; authorities have to vouch
 * for one of the declared names. Undefined when it may.
 */
export function judgeTrust(peer: PeerFacts, expected: TrustExpectations): Symptom | undefined {
  const chain = judgeChain(peer, expected);
  if (chain !== undefined || expected.fingerprint !== undefined) return chain;
  const { certificate } = peer;
  return expected.names.some((name) => coversName(certificate, name))
    ? undefined
    : { kind: "nameMismatch", missing: expected.names, covered: coveredNames(certificate) };
}

/**
 * The verdict on names. A pinned certificate is the stack's own and covers every declared name;
 * one from authorities need only cover the preferred name, since they certify neither addresses
 * nor, usually, Azure's names. What else is missing is a warning.
 */
export function judgeNames(
  { certificate }: PeerFacts,
  { names, fingerprint }: TrustExpectations,
): { readonly severity: "failed" | "warning"; readonly symptom: Symptom } | undefined {
  const missing = names.filter((name) => !coversName(certificate, name));
  if (missing.length === 0) return undefined;
  const preferred = serverName(names) ?? names[0];
  const required =
    fingerprint === undefined
      ? names.filter((name) => name === preferred)
      : names.filter((name) => isIP(name) === 0 || name === preferred);
  return {
    severity: required.some((name) => missing.includes(name)) ? "failed" : "warning",
    symptom: { kind: "nameMismatch", missing, covered: coveredNames(certificate) },
  };
}

const MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000;

/** The verdict on the dates at `now` (milliseconds since the epoch). */
export function judgeDates(
  { certificate }: PeerFacts,
  now: number,
): { readonly severity: "failed" | "warning"; readonly symptom: Symptom } | undefined {
  const from = Date.parse(certificate.valid_from);
  const to = Date.parse(certificate.valid_to);
  if (now < from) {
    return { severity: "failed", symptom: { kind: "notYetValid", from: formatDay(from) } };
  }
  if (now >= to) {
    return { severity: "failed", symptom: { kind: "expired", at: formatDay(to) } };
  }
  return to - now < CERTIFICATE_WARNING_DAYS * MILLISECONDS_PER_DAY
    ? { severity: "warning", symptom: { kind: "expiresSoon", at: formatDay(to) } }
    : undefined;
}

export function daysLeft({ certificate }: PeerFacts, now: number): number {
  return Math.floor((Date.parse(certificate.valid_to) - now) / MILLISECONDS_PER_DAY);
}

function formatDay(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function coversName(certificate: PeerCertificate, name: string): boolean {
  return checkServerIdentity(name, certificate) === undefined;
}

/** Names and addresses of the certificate, readable. */
function coveredNames(certificate: PeerCertificate): readonly string[] {
  const alternative = certificate.subjectaltname ?? "";
  const names = alternative
    .split(", ")
    .map((entry) => entry.replace(/^(?:DNS|IP Address):/, ""))
    .filter((entry) => entry !== "");
  if (names.length > 0) return names;
  const commonName: unknown = certificate.subject?.CN;
  return typeof commonName === "string" ? [commonName] : [];
}

/**
 * The name for SNI: the host, or the first declared name when the host is an address (RFC 6066,
 * section 3 allows no addresses there).
 */
export function serverName(names: readonly string[]): string | undefined {
  return names.find((name) => isIP(name) === 0);
}
