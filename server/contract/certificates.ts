/** Certificates: where that of the server, and those of single sites, come from. */
import * as v from "valibot";
import { existing } from "./azure-settings.ts";
import { recordHostName } from "./azure-invariants.ts";
import { normalizeHostName, type BoundSite } from "./bindings.ts";
import { absentOr, required, setting } from "./fields.ts";

/** `selfSigned`: made by the stack. `keyVault`: existing. `acme`: ordered by the machine itself. */
export const CERTIFICATE_KINDS = ["selfSigned", "keyVault", "acme"] as const;
export type CertificateKind = (typeof CERTIFICATE_KINDS)[number];

/** Keys that are ordered: every client of this century takes both, the first is smaller. */
export const CERTIFICATE_KEY_TYPES = ["ecdsaP256", "rsa2048"] as const;
export type CertificateKeyType = (typeof CERTIFICATE_KEY_TYPES)[number];

/** Directory of Let's Encrypt; its staging area is https://acme-staging-v02.api.letsencrypt.org/directory. */
const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

const text = v.string();

const sourceEntries = {
  keyVaultSecretId: setting(
    text,
    "",
    "For keyVault: URI of the certificate's secret, https://VAULT.vault.azure.net/secrets/NAME.",
  ),
  keyVaultResourceId: setting(
    existing("Microsoft.KeyVault/vaults"),
    "",
    "For keyVault: resource id of the vault, to which the machine's identity gets read access.",
  ),
};

export const certificateSchema = v.strictObject({
  kind: setting(
    v.picklist(["environment", ...CERTIFICATE_KINDS]),
    "environment",
    "selfSigned (made by the stack), keyVault (existing), acme (ordered by the machine, see acme), or environment (dev selfSigned, prod keyVault).",
  ),
  hostNames: setting(
    v.array(text),
    [],
    "Further names of the server beside its Azure name and those of its sites, for selfSigned and acme.",
  ),
  vaultId: setting(
    existing("Microsoft.KeyVault/vaults"),
    "",
    "Resource id of an existing key vault (with Azure RBAC) for certificates that the stack makes or orders; empty: the stack makes one.",
  ),
  ...sourceEntries,
});

const siteCertificateSchema = v.strictObject({
  kind: required(v.picklist(CERTIFICATE_KINDS), "selfSigned, keyVault or acme, as for the server."),
  hostNames: setting(
    v.array(text),
    [],
    "Names that it covers beside the site's own, for selfSigned and acme.",
  ),
  ...sourceEntries,
});

/** Entry of the stack's sites; the server's own settings name a file instead. */
export const siteCertificateEntries = {
  certificate: absentOr(
    siteCertificateSchema,
    "Certificate of this site alone, for clients that name it (SNI, HOST); absent: the server's.",
  ),
} as const;

export const acmeSchema = v.strictObject({
  directoryUrl: setting(
    v.pipe(
      text,
      v.regex(
        /^https:\/\/[^\s/]+\/\S*$/u,
        "is not the URL of an ACME directory; write https://HOST/PATH",
      ),
    ),
    LETS_ENCRYPT,
    "Directory of the certificate authority (RFC 8555); Let's Encrypt unless set.",
  ),
  termsOfServiceAgreed: setting(
    v.boolean(),
    false,
    "You have read the authority's terms of service and agree; acme certificates need it.",
  ),
  contactEmail: setting(text, "", "Address to which the authority writes; empty: none."),
  zoneId: setting(
    existing("Microsoft.Network/dnszones"),
    "",
    "Resource id of the Azure DNS zone that answers the challenges (DNS-01); empty: dns.zoneId. Names outside the zone delegate theirs to it by CNAME.",
  ),
  keyType: setting(v.picklist(CERTIFICATE_KEY_TYPES), "ecdsaP256", "Key of ordered certificates."),
  externalAccountKeyId: setting(
    text,
    "",
    "Key id of an external account binding, where the authority wants one; its key is the secret setting acmeExternalAccountKey.",
  ),
});

/** What the plan below looks at; settings of a stack have it. */
export interface CertifiedSettings {
  readonly dns: { readonly zoneId: string; readonly recordName: string };
  readonly certificate: Omit<v.InferOutput<typeof certificateSchema>, "kind"> & {
    readonly kind: CertificateKind;
  };
  readonly sites: readonly (BoundSite & {
    readonly certificate?: v.InferOutput<typeof siteCertificateSchema> | undefined;
  })[];
}

/** One certificate of a stack. */
export interface PlannedCertificate {
  /** Unique; lower-case letters, digits and hyphens. Names files, secrets and resources. */
  readonly name: string;
  /** The site that it belongs to; undefined: the server's, for every site without its own. */
  readonly site: string | undefined;
  readonly kind: CertificateKind;
  /** DNS names that it is to cover as far as the settings know them, the preferred one first. */
  readonly hostNames: readonly string[];
  readonly keyVaultSecretId: string;
  readonly keyVaultResourceId: string;
}

/** Name of the certificate that every site without its own uses. */
export const SERVER_CERTIFICATE = "server";

/** Every certificate of a stack, the server's first. */
export function planCertificates(settings: CertifiedSettings): readonly PlannedCertificate[] {
  const { certificate, sites } = settings;
  const record = recordHostName(settings);
  const shared = sites.filter((site) => site.certificate === undefined);
  return [
    {
      ...certificate,
      name: SERVER_CERTIFICATE,
      site: undefined,
      hostNames: unique([
        ...certificate.hostNames,
        ...(record === undefined ? [] : [record]),
        ...shared.flatMap(namesOfSite),
      ]),
    },
    ...sites.flatMap((site) =>
      site.certificate === undefined
        ? []
        : [
            {
              ...site.certificate,
              name: siteCertificateName(site.name),
              site: site.name,
              hostNames: unique([...namesOfSite(site), ...site.certificate.hostNames]),
            },
          ],
    ),
  ];
}

/** Name of the certificate of one site, unique like the site's own. */
export function siteCertificateName(site: string): string {
  const plain = site
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, "-")
    .replace(/^-+|-+$/gu, "");
  return `site-${plain.slice(0, LONGEST_SLUG)}-${fingerprint(site)}`;
}

const LONGEST_SLUG = 40;

/** Tells names apart that look alike once they are plain (FNV-1a, 32 bits). */
function fingerprint(name: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Site names and bindings that are names in DNS; `default` is none. */
function namesOfSite({ name, bindings }: BoundSite): readonly string[] {
  return [name, ...bindings.map(({ hostName }) => hostName)]
    .map(normalizeHostName)
    .filter((hostName) => DNS_NAME.test(hostName));
}

/** At least two labels: what a certificate authority could certify. */
export const DNS_NAME =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names.map(normalizeHostName))];
}
