/** Key vaults. A deleted vault keeps its name until it is purged. */
import { ArmError } from "../errors.ts";
import { isGuid } from "../identifiers.ts";
import { vaultName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { normalizeRegion } from "../regions.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import {
  choice,
  flag,
  object,
  objects,
  recorded,
  required,
  text,
  texts,
  whole,
} from "../shapes.ts";
import {
  at,
  isBetween,
  isRecord,
  textAt,
  type OptionalProperties,
  type Properties,
} from "../values.ts";

const RETENTION_DAYS = { least: 7, most: 90 };

/** URL of a vault, with the trailing slash that Azure gives it. */
export function vaultUri(name: string): string {
  return `https://${name.toLowerCase()}.vault.azure.net/`;
}

function put({ name, inputs, previous, state }: PutRequest): OptionalProperties {
  const deleted = state
    .deletedVaults()
    .some((vault) => vault.name.toLowerCase() === name.toLowerCase());
  if (previous === undefined && deleted) {
    throw new ArmError(
      "ConflictError",
      "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
      409,
    );
  }
  const tenant = textAt(inputs, "properties", "tenantId") ?? "";
  if (!isGuid(tenant)) {
    throw new ArmError("BadRequest", `The tenant ID '${tenant}' in the request is not a GUID.`);
  }
  refuseProtection(inputs, previous?.inputs);
  const properties = at(inputs, "properties");
  return {
    properties: {
      softDeleteRetentionInDays: RETENTION_DAYS.most,
      ...(isRecord(properties) ? properties : {}),
      enableSoftDelete: true,
      vaultUri: vaultUri(name),
      provisioningState: "Succeeded",
    },
  };
}

function refuseProtection(inputs: Properties, before: Properties | undefined): void {
  const protectedNow = at(inputs, "properties", "enablePurgeProtection");
  const protectedBefore = before && at(before, "properties", "enablePurgeProtection");
  if (protectedNow === false || (protectedBefore === true && protectedNow !== true)) {
    throw new ArmError(
      "BadRequest",
      'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.',
    );
  }
  if (at(inputs, "properties", "enableSoftDelete") === false) {
    throw new ArmError(
      "BadRequest",
      'The property "enableSoftDelete" can be set to false only for creating new vault. Enabling the "soft delete" functionality for a vault is an irreversible action.',
    );
  }
  const days = at(inputs, "properties", "softDeleteRetentionInDays");
  const { least, most } = RETENTION_DAYS;
  if (typeof days === "number" && !isBetween(days, RETENTION_DAYS)) {
    throw new ArmError(
      "BadRequest",
      `The property "softDeleteRetentionInDays" must be between ${least} and ${most}; ${days} was given.`,
    );
  }
  const daysBefore = before && at(before, "properties", "softDeleteRetentionInDays");
  if (before !== undefined && (daysBefore ?? most) !== (days ?? most)) {
    throw new ArmError(
      "BadRequest",
      'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.',
    );
  }
}

export const vault: ResourceType = {
  token: "azure-native:keyvault:Vault",
  ...inGroup("Microsoft.KeyVault/vaults", {
    property: "vaultName",
    auto: "random",
    rule: vaultName,
  }),
  apiVersion: "2024-11-01",
  properties: {
    ...groupProperties("vaultName"),
    properties: required(
      object({
        tenantId: required(text()),
        sku: required(
          object({
            family: required(choice(["A"])),
            name: required(choice(["standard", "premium"])),
          }),
        ),
        enableRbacAuthorization: recorded(flag()),
        enablePurgeProtection: flag(),
        enableSoftDelete: flag(),
        softDeleteRetentionInDays: whole(),
        enabledForDeployment: recorded(flag()),
        enabledForDiskEncryption: recorded(flag()),
        enabledForTemplateDeployment: recorded(flag()),
        publicNetworkAccess: recorded(text()),
        networkAcls: recorded(
          object({
            bypass: choice(["AzureServices", "None"]),
            defaultAction: choice(["Allow", "Deny"]),
            ipRules: objects({ value: required(text()) }),
            virtualNetworkRules: objects({ id: required(text()) }),
          }),
        ),
        accessPolicies: recorded(
          objects({
            tenantId: required(text()),
            objectId: required(text()),
            permissions: object({
              certificates: texts(),
              keys: texts(),
              secrets: texts(),
              storage: texts(),
            }),
          }),
        ),
      }),
    ),
  },
  replacedBy: ["location"],
  network: false,
  computed: ["properties.vaultUri", "properties.provisioningState"],
  put,
  softDeleted: ({ name, inputs }) => ({
    name,
    location: normalizeRegion(textAt(inputs, "location") ?? ""),
  }),
};
