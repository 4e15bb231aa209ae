/** What the machine is told about its certificates, and what Azure needs for each of them. */
import { join } from "node:path/posix";
import {
  CHALLENGE_RECORD,
  challengeZoneId,
  MACHINE_LAYOUT,
  METADATA_ADDRESS,
  parseResourceId,
  planCertificates,
  type CertificateAgentFile,
  type PlannedCertificate,
  type Settings,
} from "#contract";
import { sha256 } from "./canonical.ts";

/** A TXT record set that answers the challenges of one name (RFC 8555, 8.4). */
export interface ChallengeRecord {
  /** Name that is certified, without `*.`. */
  readonly hostName: string;
  /** Inside the zone. */
  readonly relativeName: string;
  /** Full name. */
  readonly recordName: string;
  readonly recordSetId: string;
  /** True when the owner of the name has to delegate its challenge here, by CNAME. */
  readonly delegated: boolean;
}

/** The zone of the challenges. */
export interface ChallengeZone {
  readonly id: string;
  readonly name: string;
  readonly resourceGroup: string;
}

/** The zone that answers challenges; undefined where nothing is ordered. */
export function planChallengeZone(settings: Settings): ChallengeZone | undefined {
  const id = challengeZoneId(settings);
  const parsed = parseResourceId(id);
  const name = parsed?.names.at(-1);
  return parsed === undefined || name === undefined
    ? undefined
    : { id, name: name.toLowerCase(), resourceGroup: parsed.resourceGroup };
}

/**
 * Plans the record sets for these names, one for a name and its wildcard. A name inside the zone
 * is answered where authorities look; for one outside, the zone has a record of the full name.
 */
function planChallenges(
  zone: ChallengeZone,
  hostNames: readonly string[],
): readonly ChallengeRecord[] {
  const plain = new Set(hostNames.map((name) => name.replace(/^\*\./, "")));
  return [...plain].map((hostName) => {
    const delegated = hostName !== zone.name && !hostName.endsWith(`.${zone.name}`);
    const asked = `${CHALLENGE_RECORD.label}.${hostName}`;
    const relativeName = delegated ? asked : asked.slice(0, -zone.name.length - 1);
    return {
      hostName,
      relativeName,
      recordName: `${relativeName}.${zone.name}`,
      recordSetId: `${zone.id}/TXT/${relativeName}`,
      delegated,
    };
  });
}

/** The record sets of all ordered certificates, each once. */
export function planAllChallenges(settings: Settings): readonly ChallengeRecord[] {
  const zone = planChallengeZone(settings);
  if (zone === undefined) return [];
  const names = planCertificates(settings)
    .filter(({ kind }) => kind === "acme")
    .flatMap(({ hostNames }) => hostNames);
  return planChallenges(zone, names);
}

/** What owners of names outside the zone have to add to theirs, as lines of a zone file. */
export function planDelegations(settings: Settings): readonly string[] {
  return planAllChallenges(settings)
    .filter(({ delegated }) => delegated)
    .map(
      ({ hostName, recordName }) => `${CHALLENGE_RECORD.label}.${hostName}. CNAME ${recordName}.`,
    );
}

/** What only a deployment knows: references to secrets. */
export interface CertificateReferences {
  readonly identityClientId: string;
  /** URI of the vault of the stack's own certificates, with a slash at the end; `""` without one. */
  readonly vaultUri: string;
  /** Secret URIs of certificates that the stack made, by the certificate's name. */
  readonly secretIds: Readonly<Record<string, string>>;
  readonly accountKeySecretId: string | undefined;
  readonly externalAccountKeySecretId: string | undefined;
}

/** Plans what the agent reads. */
export function planCertificateAgent(
  settings: Settings,
  references: CertificateReferences,
): CertificateAgentFile {
  const { identityClientId, accountKeySecretId, externalAccountKeySecretId } = references;
  const { directoryUrl, contactEmail, keyType, externalAccountKeyId } = settings.acme;
  const zone = planChallengeZone(settings);
  const externalAccount =
    externalAccountKeySecretId === undefined
      ? {}
      : {
          externalAccount: { keyId: externalAccountKeyId, keySecretId: externalAccountKeySecretId },
        };
  return {
    identityClientId,
    certificates: planCertificates(settings).map((certificate) => ({
      name: certificate.name,
      source: planSource(certificate, zone, directoryUrl, references),
    })),
    ...(accountKeySecretId === undefined || zone === undefined
      ? {}
      : {
          acme: {
            directoryUrl,
            contactEmail,
            keyType,
            accountKeySecretId,
            zoneName: zone.name,
            ...externalAccount,
          },
        }),
  };
}

function planSource(
  certificate: PlannedCertificate,
  zone: ChallengeZone | undefined,
  directoryUrl: string,
  { vaultUri, secretIds }: CertificateReferences,
): CertificateAgentFile["certificates"][number]["source"] {
  const { kind, name, hostNames, keyVaultSecretId } = certificate;
  switch (kind) {
    case "selfSigned":
      return { kind: "secret", secretId: secretIds[name] ?? "" };
    case "keyVault":
      return isPinned(keyVaultSecretId)
        ? { kind: "secret", secretId: keyVaultSecretId }
        : { kind: "secret", secretId: keyVaultSecretId, storeFile: storeFileOf(name) };
    case "acme":
      return {
        kind: "acme",
        hostNames: [...hostNames],
        vaultCertificateId: `${vaultUri}certificates/${orderedCertificateName(name, directoryUrl)}`,
        challenges: (zone === undefined ? [] : planChallenges(zone, hostNames)).map(
          ({ hostName, recordName, recordSetId }) => ({ hostName, recordName, recordSetId }),
        ),
      };
  }
}

/**
 * Name that an ordered certificate has in the vault. Each authority has names of its own, so that
 * a machine never takes one of a staging area for the real one.
 */
function orderedCertificateName(name: string, directoryUrl: string): string {
  return `acme-${name}-${sha256(directoryUrl).slice(0, 8)}`;
}

/** A URI with a version means that very certificate, for ever. */
function isPinned(secretId: string): boolean {
  return /\/secrets\/[^/]+\/[0-9a-f]+$/i.test(secretId);
}

/** Where the Key Vault VM extension puts a certificate: a link that it renews. */
function storeFileOf(name: string): string {
  return join(MACHINE_LAYOUT.certificateStore, name);
}

/** Seconds between two looks of the extension at the vault. */
const POLLING_SECONDS = 3600;
/** https://learn.microsoft.com/azure/virtual-machines/extensions/key-vault-linux */
const METADATA_IDENTITY = `http://${METADATA_ADDRESS}/metadata/identity`;

/**
 * Plans the settings of the Key Vault VM extension, version 3.0.
 *
 * @returns undefined when there is nothing to keep current.
 */
export function planKeyVaultExtension(settings: Settings, identityClientId: string) {
  const observed = planCertificates(settings).filter(
    ({ kind, keyVaultSecretId }) => kind === "keyVault" && !isPinned(keyVaultSecretId),
  );
  if (observed.length === 0) return undefined;
  return {
    secretsManagementSettings: {
      pollingIntervalInS: String(POLLING_SECONDS),
      // The delivery has fetched them already; a vault that is away must not fail the extension.
      requireInitialSync: false,
      observedCertificates: observed.map(({ name, keyVaultSecretId }) => ({
        url: keyVaultSecretId,
        certificateStoreLocation: MACHINE_LAYOUT.certificateStore,
        customSymbolicLinkName: name,
      })),
    },
    authenticationSettings: { msiEndpoint: METADATA_IDENTITY, msiClientId: identityClientId },
  };
}
