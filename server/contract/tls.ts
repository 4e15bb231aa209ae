/**
 * TLS as the settings ask for it: policies per channel, versions, ciphers, session reuse, CCC,
 * client certificates. The server has all of it; a site may differ in each.
 */
import * as v from "valibot";
import { absentOr, setting } from "./fields.ts";

/** Where clients, probe and platform stand on encryption, per channel. */
export const CONTROL_TLS_POLICIES = ["allow", "require", "requireForCredentials"] as const;
export const DATA_TLS_POLICIES = ["allow", "require", "deny"] as const;
/** Whether data connections resume the TLS session of the control connection (RFC 4217, 10.2). */
export const SESSION_REUSE = ["allow", "require", "off"] as const;
const TLS_VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
const CLIENT_CERTIFICATE_MODES = ["off", "optional", "required"] as const;

const PEM_CERTIFICATES =
  /^\s*(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/u;

const authorities = v.pipe(
  v.string(),
  v.check(
    (text) => text === "" || PEM_CERTIFICATES.test(text),
    "is not a list of PEM certificates; paste what stands between and with BEGIN and END CERTIFICATE",
  ),
);

const clientCertificatesEntries = {
  mode: setting(
    v.picklist(CLIENT_CERTIFICATE_MODES),
    "off",
    "off, optional (whoever has one may log in with it) or required (nobody logs in without a trusted one).",
  ),
  authorities: setting(
    authorities,
    "",
    "PEM certificates of the authorities that are trusted; empty: only certificates that accounts name by sha256.",
  ),
  secondFactor: setting(
    v.boolean(),
    false,
    "Accounts with certificates need their password as well.",
  ),
} as const;

export const clientCertificatesSchema = v.strictObject(clientCertificatesEntries);

/** The same on the machine, where the authorities may lie in a file. */
export const serverClientCertificatesSchema = v.strictObject({
  ...clientCertificatesEntries,
  authoritiesFile: absentOr(
    v.string(),
    "PEM file of authorities beside those of authorities, relative to this file.",
  ),
});
export type ClientCertificates = v.InferOutput<typeof serverClientCertificatesSchema>;

const ciphers = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9_:!+@=-]*$/u,
    "is not a list of ciphers; write OpenSSL's names with colons, for example TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
  ),
);

const minVersion = v.picklist(TLS_VERSIONS);
const sessionReuse = v.picklist(SESSION_REUSE);

/** What stack and server declare alike; the policies of the channels are beside. */
export const serverTlsEntries = {
  minVersion: setting(minVersion, "TLSv1.2", "Oldest TLS version offered."),
  ciphers: setting(
    ciphers,
    "",
    "Ciphers in OpenSSL's names, the preferred one first; empty: those of Node.",
  ),
  sessionReuse: setting(
    sessionReuse,
    "allow",
    "Data connections resume the control connection's TLS session: allow, require (proves that they belong together), or off.",
  ),
  clearCommandChannel: setting(
    v.boolean(),
    false,
    "Allow CCC: clients may leave TLS on the control connection after the login, unless its policy is require.",
  ),
} as const;

/** What a site may have of its own. */
const siteTlsEntries = {
  controlPolicy: absentOr(
    v.picklist(CONTROL_TLS_POLICIES),
    "Control channel: allow, require or requireForCredentials.",
  ),
  dataPolicy: absentOr(v.picklist(DATA_TLS_POLICIES), "Data channel: allow, require or deny."),
  minVersion: absentOr(minVersion, "Oldest TLS version offered."),
  ciphers: absentOr(ciphers, "Ciphers in OpenSSL's names; empty: those of Node."),
  sessionReuse: absentOr(sessionReuse, "allow, require or off."),
  clearCommandChannel: absentOr(v.boolean(), "Allow CCC."),
} as const;

export const siteTlsSchema = v.strictObject({
  ...siteTlsEntries,
  clientCertificates: absentOr(clientCertificatesSchema, "Logins with certificates."),
});

export const serverSiteTlsSchema = v.strictObject({
  ...siteTlsEntries,
  clientCertificates: absentOr(serverClientCertificatesSchema, "Logins with certificates."),
});

/** The TLS policy that applies on one site. */
export interface TlsPolicy {
  readonly controlPolicy: (typeof CONTROL_TLS_POLICIES)[number];
  readonly dataPolicy: (typeof DATA_TLS_POLICIES)[number];
  readonly minVersion: (typeof TLS_VERSIONS)[number];
  /** Empty: those of Node. */
  readonly ciphers: string;
  readonly sessionReuse: (typeof SESSION_REUSE)[number];
  readonly clearCommandChannel: boolean;
  readonly clientCertificates: ClientCertificates;
}

/** The server's policy with what the site has of its own. */
export function planSiteTls(
  server: TlsPolicy,
  own: v.InferOutput<typeof serverSiteTlsSchema>,
): TlsPolicy {
  return {
    controlPolicy: own.controlPolicy ?? server.controlPolicy,
    dataPolicy: own.dataPolicy ?? server.dataPolicy,
    minVersion: own.minVersion ?? server.minVersion,
    ciphers: own.ciphers ?? server.ciphers,
    sessionReuse: own.sessionReuse ?? server.sessionReuse,
    clearCommandChannel: own.clearCommandChannel ?? server.clearCommandChannel,
    clientCertificates: own.clientCertificates ?? server.clientCertificates,
  };
}

/** How an account names its certificates. */
const CERTIFICATE_NAME_KINDS = ["sha256", "subject", "dns", "email", "uri"] as const;

/** One way to recognise a client's certificate, as accounts name it. */
export interface CertificateName {
  readonly kind: (typeof CERTIFICATE_NAME_KINDS)[number];
  /** Of `sha256`: upper-case hexadecimal with colons. */
  readonly value: string;
}

/** Reads `kind:value`; undefined when it is none. */
export function parseCertificateName(text: string): CertificateName | undefined {
  const [, kindText, value = ""] = /^([a-z0-9]+):(.+)$/su.exec(text) ?? [];
  const kind = CERTIFICATE_NAME_KINDS.find((each) => each === kindText);
  if (kind === undefined) return undefined;
  if (kind !== "sha256") return { kind, value: value.trim() };
  const digits = value.replaceAll(/[:\s]/gu, "").toUpperCase();
  return /^[0-9A-F]{64}$/u.test(digits)
    ? { kind, value: (digits.match(/../gu) ?? []).join(":") }
    : undefined;
}

/** Entry of the schema of accounts that this file is about. */
export const accountCertificatesEntries = {
  certificates: setting(
    v.array(
      v.pipe(
        v.string(),
        v.check(
          (text) => parseCertificateName(text) !== undefined,
          "names no certificate; write sha256:FINGERPRINT, subject:CN=…,O=…, dns:NAME, email:ADDRESS or uri:URI",
        ),
      ),
    ),
    [],
    "Client certificates that log in as the account: sha256:FINGERPRINT, subject:CN=…,O=…, dns:NAME, email:ADDRESS or uri:URI.",
  ),
} as const;
