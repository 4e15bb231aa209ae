/** Every certificate of a stack: what Azure needs for it, and what the machine is told. */
import { X509Certificate } from "node:crypto";
import { RecordSet } from "@pulumi/azure-native/dns/recordSet.js";
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import { Command } from "@pulumi/command/local/command.js";
import * as pulumi from "@pulumi/pulumi";
import {
  CHALLENGE_RECORD,
  ContractError,
  planCertificates,
  SERVER_CERTIFICATE,
  type CertificateAgentFile,
  type Deployed,
  type PlannedCertificate,
} from "#contract";
import {
  planAllChallenges,
  planCertificateAgent,
  planChallengeZone,
  type CertificateReferences,
} from "../plan/certificates.ts";
import { openCertificateVault, type CertificateVault } from "./certificate-vault.ts";
import { gangway, gangwayOf, SILENT } from "./gangway-command.ts";
import { assignRole } from "./role.ts";
import type { StackContext } from "./stack-context.ts";

export interface StackCertificates {
  /** What the machine's certificate agent is told. */
  readonly agent: pulumi.Output<CertificateAgentFile>;
  /** SHA-256 of the server's certificate, if the stack made it; hexadecimal with colons. */
  readonly fingerprint: pulumi.Output<string | undefined>;
  /** SHA-256 of every certificate that the stack made, by the certificate's name. */
  readonly fingerprints: pulumi.Output<Readonly<Record<string, string>>>;
  /** What must exist before the machine fetches or orders. */
  readonly access: readonly pulumi.Resource[];
}

export interface CertificateParts {
  readonly identity: UserAssignedIdentity;
  readonly deployed: pulumi.Output<Deployed>;
  /** MAC key for an external account binding. */
  readonly externalAccountKey: pulumi.Output<string> | undefined;
}

/** @throws ContractError when the key of the external account is missing. */
export function createCertificates(
  context: StackContext,
  parts: CertificateParts,
): StackCertificates {
  const { settings } = context;
  const { identity } = parts;
  const planned = planCertificates(settings);
  const made = planned.filter(({ kind }) => kind === "selfSigned");
  const orders = planned.some(({ kind }) => kind === "acme");
  const vault = made.length > 0 || orders ? openCertificateVault(context, identity) : undefined;
  const selfSigned =
    vault === undefined ? [] : made.map((one) => makeSelfSigned(context, parts, vault, one));
  const account = vault === undefined || !orders ? {} : createAccount(context, parts, vault);
  const references: pulumi.Output<CertificateReferences> = pulumi
    .output({
      identityClientId: identity.clientId,
      vaultUri: vault?.uri ?? "",
      secretIds: Object.fromEntries(selfSigned.map(({ name, secretId }) => [name, secretId])),
      ...account,
    })
    .apply((known) => ({
      accountKeySecretId: undefined,
      externalAccountKeySecretId: undefined,
      ...known,
    }));
  const fingerprints = pulumi.output(
    Object.fromEntries(selfSigned.map(({ name, fingerprint }) => [name, fingerprint])),
  );
  return {
    agent: references.apply((known) => planCertificateAgent(settings, known)),
    fingerprint: fingerprints.apply((known) => known[SERVER_CERTIFICATE]),
    fingerprints,
    access: [
      ...admitToVaults(context, identity, vault, planned),
      ...(vault === undefined || !orders ? [] : admitToAuthority(context, identity, vault)),
    ],
  };
}

/** The server's own resources keep the plain name. */
const suffixOf = (name: string): string => (name === SERVER_CERTIFICATE ? "" : `-${name}`);

/** A certificate made once and kept in the (encrypted) state and in the vault. */
function makeSelfSigned(
  { names, named, parent }: StackContext,
  { deployed }: CertificateParts,
  vault: CertificateVault,
  { name, site, hostNames }: PlannedCertificate,
) {
  const covered = deployed.apply(({ certificateNames, advertisedAddress }) =>
    site === undefined ? certificateNames : [...hostNames, advertisedAddress],
  );
  const made = new Command(
    named(`certificate${suffixOf(name)}`),
    {
      ...SILENT,
      create: gangwayOf(covered.apply((list) => ["make-certificate", "--names", list.join(",")])),
    },
    { parent, additionalSecretOutputs: ["stdout"] },
  );
  const secretId = vault.putSecret(`certificate-secret${suffixOf(name)}`, {
    secretName: `${names.certificateSecret}${suffixOf(name)}`,
    contentType: "application/x-pem-file",
    value: made.stdout,
  });
  // The certificate is public; only the key that stands behind it in the PEM is secret.
  const fingerprint = pulumi.unsecret(
    made.stdout.apply((pem) => new X509Certificate(pem).fingerprint256),
  );
  return { name, secretId, fingerprint };
}

/** The account with the authority: its key is made once, and lies in the vault. */
function createAccount(
  { settings, named, parent }: StackContext,
  { externalAccountKey }: CertificateParts,
  vault: CertificateVault,
) {
  const made = new Command(
    named("acme-account"),
    { ...SILENT, create: gangway(["make-account-key"]) },
    { parent, additionalSecretOutputs: ["stdout"] },
  );
  const accountKeySecretId = vault.putSecret("acme-account-key", {
    secretName: "acme-account-key",
    contentType: "application/x-pem-file",
    value: made.stdout,
  });
  if (settings.acme.externalAccountKeyId === "") return { accountKeySecretId };
  if (externalAccountKey === undefined) {
    throw new ContractError([
      {
        setting: "acmeExternalAccountKey",
        value: "(missing)",
        problem: "is what acme.externalAccountKeyId belongs to",
        fix: "set it with: pulumi config set --secret gangway:acmeExternalAccountKey",
      },
    ]);
  }
  return {
    accountKeySecretId,
    externalAccountKeySecretId: vault.putSecret("acme-external-account-key", {
      secretName: "acme-external-account-key",
      contentType: "text/plain",
      value: externalAccountKey,
    }),
  };
}

/** Lets the machine read its certificates, wherever they lie, and nothing beyond those vaults. */
function admitToVaults(
  context: StackContext,
  identity: UserAssignedIdentity,
  own: CertificateVault | undefined,
  planned: readonly PlannedCertificate[],
): readonly pulumi.Resource[] {
  const { settings } = context;
  const assign = (name: string, scope: pulumi.Input<string>) =>
    assignRole(context, name, identity, "keyVaultSecretsUser", scope);
  /** By id in lower case: Azure compares ids without case. */
  const foreign = new Map<string, { readonly role: string; readonly scope: string }>();
  for (const { kind, name, keyVaultResourceId } of planned) {
    const id = keyVaultResourceId.toLowerCase();
    const isOwn = id === settings.certificate.vaultId.toLowerCase() && own !== undefined;
    if (kind !== "keyVault" || id === "" || isOwn || foreign.has(id)) continue;
    foreign.set(id, { role: `read-certificate${suffixOf(name)}`, scope: keyVaultResourceId });
  }
  const serverIsForeign = settings.certificate.kind === "keyVault";
  return [
    ...(own === undefined
      ? []
      : [assign(serverIsForeign ? "read-own-certificates" : "read-certificate", own.id)]),
    ...[...foreign.values()].map(({ role, scope }) => assign(role, scope)),
  ];
}

/**
 * Lets the machine answer challenges and store what it gets. The record sets are the stack's, so
 * that the machine needs no right on the zone: it can change these records and no other.
 */
function admitToAuthority(
  context: StackContext,
  identity: UserAssignedIdentity,
  vault: CertificateVault,
): readonly pulumi.Resource[] {
  const { settings, named, parent } = context;
  const zone = planChallengeZone(settings);
  const challenges = zone === undefined ? [] : planAllChallenges(settings);
  return [
    assignRole(context, "store-certificates", identity, "keyVaultCertificatesOfficer", vault.id),
    ...challenges.map(({ hostName, relativeName }) => {
      const record = new RecordSet(
        named(`challenge-${hostName}`),
        {
          resourceGroupName: zone?.resourceGroup ?? "",
          zoneName: zone?.name ?? "",
          relativeRecordSetName: relativeName,
          recordType: "TXT",
          ttl: CHALLENGE_RECORD.ttlSeconds,
          txtRecords: [{ value: [CHALLENGE_RECORD.idleValue] }],
        },
        // The machine fills it in for each challenge.
        { parent, ignoreChanges: ["txtRecords"] },
      );
      const name = `answer-challenge-${hostName}`;
      return assignRole(context, name, identity, "dnsZoneContributor", record.id);
    }),
  ];
}
