/** Rules for certificates: what each kind needs. */
import { DNS_NAME, planCertificates, type PlannedCertificate } from "./certificates.ts";
import type { Finding, Invariant } from "./findings.ts";

const SECRET_URI = /^https:\/\/[a-z0-9-]+\.vault\.[a-z.]+\/secrets\/[^/]+(\/[0-9a-f]+)?$/i;

/** Where a certificate's settings stand. */
function settingOf({ site }: PlannedCertificate): string {
  return site === undefined ? "certificate" : `sites (${site}).certificate`;
}

const keyVaultSecrets: Invariant = (settings) =>
  planCertificates(settings)
    .filter(
      ({ kind, keyVaultSecretId }) => kind === "keyVault" && !SECRET_URI.test(keyVaultSecretId),
    )
    .map((certificate) => ({
      setting: `${settingOf(certificate)}.keyVaultSecretId`,
      value: certificate.keyVaultSecretId === "" ? "(empty)" : certificate.keyVaultSecretId,
      problem: "is not the URI of a Key Vault secret",
      fix: "set it to https://VAULT.vault.azure.net/secrets/NAME, as `az keyvault secret show --query id` prints it; in dev, certificate.kind selfSigned needs none",
    }));

const orderedNames: Invariant = (settings) =>
  ordered(settings).flatMap((certificate): readonly Finding[] => {
    const setting = `${settingOf(certificate)}.hostNames`;
    const fix = "write names in DNS, for example ftp.example.com or *.example.com";
    if (certificate.hostNames.length === 0) {
      const problem = "leaves an ordered certificate without a name";
      return [{ setting, value: "(empty)", problem, fix }];
    }
    return certificate.hostNames
      .filter((name) => !DNS_NAME.test(name))
      .map((name) => {
        const problem = "is no name that a certificate authority certifies";
        return { setting, value: name, problem, fix };
      });
  });

const account: Invariant = (settings) => {
  if (ordered(settings).length === 0) return [];
  const { termsOfServiceAgreed } = settings.acme;
  return [
    ...(termsOfServiceAgreed
      ? []
      : [
          {
            setting: "acme.termsOfServiceAgreed",
            value: "false",
            problem: "is what every authority asks for before it certifies anything",
            fix: "read the terms of service that acme.directoryUrl names, and set it to true",
          },
        ]),
    ...(challengeZoneId(settings) === ""
      ? [
          {
            setting: "acme.zoneId",
            value: "(empty)",
            problem: "leaves nowhere to answer the authority's challenges",
            fix: "set it to the resource id of an Azure DNS zone, as `az network dns zone show --query id` prints it",
          },
        ]
      : []),
  ];
};

const ordered = (settings: Parameters<Invariant>[0]): readonly PlannedCertificate[] =>
  planCertificates(settings).filter(({ kind }) => kind === "acme");

/** The zone that answers challenges; empty when none is given. */
export function challengeZoneId(settings: {
  readonly acme: { readonly zoneId: string };
  readonly dns: { readonly zoneId: string };
}): string {
  return settings.acme.zoneId === "" ? settings.dns.zoneId : settings.acme.zoneId;
}

/** The server's own is a rule of production's, beside what else is for trying. */
const trustedInProduction: Invariant = (settings) =>
  settings.environment !== "prod"
    ? []
    : planCertificates(settings)
        .filter(({ kind, site }) => kind === "selfSigned" && site !== undefined)
        .map((certificate) => ({
          setting: `${settingOf(certificate)}.kind`,
          value: certificate.kind,
          problem: "is for trying: no client of a partner trusts it",
          fix: "set it to keyVault or acme",
        }));

/** Every rule of this file. */
export const CERTIFICATE_INVARIANTS: readonly Invariant[] = [
  keyVaultSecrets,
  orderedNames,
  account,
  trustedInProduction,
];
