/** What the certificate of a client means for a login (RFC 4217, 15.1.2 and RFC 2228, reply 232). */
import type { Account } from "#contract";
import type { LoginOutcome } from "../auth/authenticator.ts";
import { isValidAt, namesCertificate, type ClientCertificate } from "../tls/client-certificate.ts";
import type { SessionState } from "./state.ts";
import type { SiteView } from "./view.ts";

export type CertificateStanding =
  /** The password decides alone. */
  | { readonly kind: "irrelevant" }
  /** The site lets nobody in like this; the reason is for the log. */
  | { readonly kind: "missing"; readonly reason: string }
  /** The account wants one of its certificates, and this is none; the reason is for the log. */
  | { readonly kind: "foreign"; readonly reason: string }
  /** It belongs to the account, whose password is needed as well. */
  | { readonly kind: "secondFactor"; readonly certificate: ClientCertificate }
  /** It belongs to the account, and no more is needed. */
  | {
      readonly kind: "sufficient";
      readonly account: Account;
      readonly certificate: ClientCertificate;
    };

const IRRELEVANT: CertificateStanding = { kind: "irrelevant" };

/** @param account undefined: the settings do not know the user. */
export function judgeCertificate(
  { tlsPolicy: { clientCertificates }, name }: Pick<SiteView, "tlsPolicy" | "name">,
  account: Account | undefined,
  { control, handshake }: Pick<SessionState, "control" | "handshake">,
  nowMs: number,
): CertificateStanding {
  const { mode, secondFactor } = clientCertificates;
  if (mode === "off") return IRRELEVANT;
  // What was shown on another site's handshake was checked against that site's authorities.
  const shown =
    control === "private" && handshake.kind === "done" && handshake.siteName === name
      ? handshake.certificate
      : undefined;
  const entries = account?.certificates ?? [];
  const own = shown !== undefined && namesCertificate(entries, shown, nowMs) ? shown : undefined;
  if (mode === "required" && own === undefined && !isTrusted(shown, nowMs)) {
    return { kind: "missing", reason: describeMissing(shown) };
  }
  if (account === undefined || entries.length === 0) return IRRELEVANT;
  if (own === undefined) {
    return secondFactor
      ? { kind: "foreign", reason: `accounts (${account.name}).certificates does not hold it` }
      : IRRELEVANT;
  }
  return secondFactor
    ? { kind: "secondFactor", certificate: own }
    : { kind: "sufficient", account, certificate: own };
}

/** The second factor, looked at after the password, so that a refusal tells of neither. */
export function withCertificate(
  standing: CertificateStanding,
  outcome: LoginOutcome,
): LoginOutcome {
  return outcome.kind === "accepted" && "reason" in standing
    ? { kind: "refused", reason: standing.reason }
    : outcome;
}

function isTrusted(shown: ClientCertificate | undefined, nowMs: number): boolean {
  return shown !== undefined && shown.trusted && isValidAt(shown, nowMs);
}

function describeMissing(shown: ClientCertificate | undefined): string {
  return shown === undefined
    ? "no client certificate was shown on this site"
    : `no authority of the site vouches for ${shown.subject.join(", ")}`;
}
