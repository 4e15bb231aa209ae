/** The vault of the certificates that the stack makes, or the machine orders. */
import { Secret } from "@pulumi/azure-native/keyvault/secret.js";
import { Vault } from "@pulumi/azure-native/keyvault/vault.js";
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import * as pulumi from "@pulumi/pulumi";
import { parseResourceId } from "#contract";
import { planVaultName } from "../plan/names.ts";
import type { StackContext } from "./stack-context.ts";

export interface CertificateVault {
  readonly id: pulumi.Output<string>;
  /** `https://NAME.vault.azure.net/` */
  readonly uri: pulumi.Output<string>;
  /** @returns the secret's URI with its version: a new value is a new delivery. */
  putSecret(logicalName: string, request: SecretRequest): pulumi.Output<string>;
}

export interface SecretRequest {
  readonly secretName: string;
  readonly contentType: string;
  readonly value: pulumi.Output<string>;
}

/** Days for which Azure keeps a deleted vault; its lowest value. */
const RETENTION_DAYS = 7;
/** Domain of vaults in Azure's public cloud. */
const VAULT_DOMAIN = "vault.azure.net";

/** Uses the given vault, or makes one. */
export function openCertificateVault(
  context: StackContext,
  identity: UserAssignedIdentity,
): CertificateVault {
  const { settings, resourceGroupName } = context;
  const given = parseResourceId(settings.certificate.vaultId);
  if (given === undefined) {
    const vault = makeVault(context, identity);
    return vaultOf(context, resourceGroupName, vault.name, vault.id);
  }
  const name = pulumi.output(given.names.at(-1) ?? "");
  const id = pulumi.output(settings.certificate.vaultId);
  return vaultOf(context, pulumi.output(given.resourceGroup), name, id);
}

function vaultOf(
  { tags, named, parent }: StackContext,
  resourceGroupName: pulumi.Output<string>,
  vaultName: pulumi.Output<string>,
  id: pulumi.Output<string>,
): CertificateVault {
  return {
    id,
    uri: vaultName.apply((name) => `https://${name.toLowerCase()}.${VAULT_DOMAIN}/`),
    putSecret(logicalName, { secretName, contentType, value }) {
      const secret = new Secret(
        named(logicalName),
        { resourceGroupName, tags, vaultName, secretName, properties: { contentType, value } },
        { parent },
      );
      return secret.properties.apply(({ secretUriWithVersion }) => secretUriWithVersion);
    },
  };
}

function makeVault(
  { base, tags, location, resourceGroupName, named, parent }: StackContext,
  identity: UserAssignedIdentity,
): Vault {
  return new Vault(
    named("vault"),
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
}
