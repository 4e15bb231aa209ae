/** The certificate that a client has shown on its control connection. */
import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { parseCertificateName } from "#contract";

export interface ClientCertificate {
  /** Attributes as OpenSSL writes them, `CN=…`, in the order of the certificate. */
  readonly subject: readonly string[];
  /** Subject alternative names, lower-case but for URIs. */
  readonly names: readonly { readonly kind: "dns" | "email" | "uri"; readonly value: string }[];
  /** SHA-256, upper-case hexadecimal with colons. */
  readonly fingerprint256: string;
  /** One of the site's authorities vouches for it. */
  readonly trusted: boolean;
  /** Milliseconds since the epoch; valid between them. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** What the client has shown; undefined when it showed none. */
export function readClientCertificate(secured: TLSSocket): ClientCertificate | undefined {
  const certificate = secured.getPeerX509Certificate();
  return certificate === undefined
    ? undefined
    : describeCertificate(certificate, isVerified(secured));
}

/** The facts of a certificate by which accounts and policies know it. */
function describeCertificate(certificate: X509Certificate, trusted: boolean): ClientCertificate {
  return {
    subject: certificate.subject.split("\n"),
    names: readNames(certificate.subjectAltName ?? ""),
    fingerprint256: certificate.fingerprint256,
    trusted,
    validFromMs: certificate.validFromDate.getTime(),
    validToMs: certificate.validToDate.getTime(),
  };
}

/** Whether one of an account's entries means the certificate. Untrusted: only its own fingerprint. */
export function namesCertificate(
  entries: readonly string[],
  certificate: ClientCertificate,
  nowMs: number,
): boolean {
  if (!isValidAt(certificate, nowMs)) return false;
  return entries.some((entry) => {
    const name = parseCertificateName(entry);
    switch (name?.kind) {
      case undefined:
        return false;
      case "sha256":
        return name.value === certificate.fingerprint256;
      case "subject":
        return certificate.trusted && isSameSubject(name.value, certificate.subject);
      case "uri":
        return certificate.trusted && holds(certificate, "uri", name.value);
      case "dns":
      case "email":
        return certificate.trusted && holds(certificate, name.kind, name.value.toLowerCase());
    }
  });
}

/** Whether the certificate is valid at that time, which a resumed session does not check. */
export function isValidAt(
  { validFromMs, validToMs }: Pick<ClientCertificate, "validFromMs" | "validToMs">,
  nowMs: number,
): boolean {
  return nowMs >= validFromMs && nowMs < validToMs;
}

function holds({ names }: ClientCertificate, kind: string, value: string): boolean {
  return names.some((name) => name.kind === kind && name.value === value);
}

/** The whole subject, in either of the two orders in which it is written. */
function isSameSubject(wanted: string, subject: readonly string[]): boolean {
  const parts = wanted.split(/,(?=\s*[A-Za-z0-9.]+=)/u).map((part) => part.trim());
  return (
    parts.length === subject.length &&
    (parts.every((part, index) => part === subject[index]) ||
      parts.toReversed().every((part, index) => part === subject[index]))
  );
}

const KINDS: Readonly<Record<string, "dns" | "email" | "uri">> = {
  DNS: "dns",
  email: "email",
  URI: "uri",
};

/** Node quotes, as JSON does, whatever could be taken for the beginning of another name. */
function readNames(text: string): ClientCertificate["names"] {
  return [...text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gu)].flatMap(
    ([, label = "", value = ""]) => {
      const kind = KINDS[label];
      if (kind === undefined || value.startsWith('"')) return [];
      return [{ kind, value: kind === "uri" ? value : value.toLowerCase() }];
    },
  );
}

/**
 * What OpenSSL found about the chain. Node says so of sockets that a `tls.Server` has accepted
 * only; of others its handle knows. Where that is missing, nobody is trusted.
 */
function isVerified(secured: TLSSocket): boolean {
  const { _handle: handle } = secured as TLSSocket & {
    readonly _handle?: { readonly verifyError?: () => Error | null | undefined };
  };
  if (typeof handle?.verifyError !== "function") return false;
  const error = handle.verifyError();
  return error === null || error === undefined;
}
