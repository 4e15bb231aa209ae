/** The server's certificate: always a Key Vault secret, whoever made it. */
import { X509Certificate } from "node:crypto";
import { Secret } from "@pulumi/azure-native/keyvault/secret.js";
import { Vault } from "@pulumi/azure-native/keyvault/vault.js";
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import { Command } from "@pulumi/command/local/command.js";
import * as pulumi from "@pulumi/pulumi";
import type { Deployed } from "#contract";
import { planVaultName } from "../plan/names.ts";
import { gangwayOf, SILENT } from "./gangway-command.ts";
import { assignRole } from "./role.ts";
import type { StackContext } from "./stack-context.ts";

export interface StackCertificate {
  /** URI of the secret with chain and key as PEM or PKCS #12. */
  readonly secretId: pulumi.Output<string>;
  /** SHA-256 of a certificate that the stack made itself, hexadecimal with colons. */
  readonly fingerprint: pulumi.Output<string | undefined>;
  /** What must exist before the machine reads the secret. */
  readonly access: readonly pulumi.Resource[];
}

/** Days for which Azure keeps a deleted vault; its lowest value. */
const RETENTION_DAYS = 7;

export function createCertificate(
  context: StackContext,
  identity: UserAssignedIdentity,
  deployed: pulumi.Output<Deployed>,
): StackCertificate {
  switch (context.settings.certificate.kind) {
    case "keyVault":
      return useExisting(context, identity);
    case "selfSigned":
      return makeSelfSigned(context, identity, deployed);
  }
}

/** An existing certificate: the stack reads neither it nor its key. */
function useExisting(
  { settings: { certificate }, parent }: StackContext,
  identity: UserAssignedIdentity,
): StackCertificate {
  const { keyVaultSecretId, keyVaultResourceId } = certificate;
  const role = "keyVaultSecretsUser";
  return {
    secretId: pulumi.output(keyVaultSecretId),
    fingerprint: pulumi.output(undefined),
    access:
      keyVaultResourceId === ""
        ? []
        : [assignRole("read-certificate", identity, role, keyVaultResourceId, parent)],
  };
}

/** A certificate made once and kept in the (encrypted) state, in a vault of the stack. */
function makeSelfSigned(
  { base, names, tags, location, resourceGroupName, parent }: StackContext,
  identity: UserAssignedIdentity,
  deployed: pulumi.Output<Deployed>,
): StackCertificate {
  const made = new Command(
    "certificate",
    {
      ...SILENT,
      create: gangwayOf(
        deployed.apply(({ certificateNames }) => [
          "make-certificate",
          "--names",
          certificateNames.join(","),
        ]),
      ),
    },
    { parent, additionalSecretOutputs: ["stdout"] },
  );
  const vault = new Vault(
    "vault",
    {
      resourceGroupName,
      location,
      tags,
      vaultName: identity.clientId.apply((id) => planVaultName(base, id)),
      properties: {
        tenantId: identity.tenantId,
        sku: { family: "A", name: "standard" },
        enableRbacAuthorization: true,
        enableSoftDelete: true,
        softDeleteRetentionInDays: RETENTION_DAYS,
        enablePurgeProtection: true,
      },
    },
    { parent },
  );
  const secret = new Secret(
    "certificate-secret",
    {
      resourceGroupName,
      tags,
      vaultName: vault.name,
      secretName: names.certificateSecret,
      properties: { contentType: "application/x-pem-file", value: made.stdout },
    },
    { parent },
  );
  return {
    // With its version: a new certificate is a new delivery.
    secretId: secret.properties.apply(({ secretUriWithVersion }) => secretUriWithVersion),
    // The certificate is public; only the key that stands behind it in the PEM is secret.
    fingerprint: pulumi.unsecret(
      made.stdout.apply((pem) => new X509Certificate(pem).fingerprint256),
    ),
    access: [assignRole("read-certificate", identity, "keyVaultSecretsUser", vault.id, parent)],
  };
}
