/** Storage accounts, and the function that lists their keys. */
import { storageAccountName } from "../names.ts";
import { groupProperties, inGroup, withoutPlace } from "../placement.ts";
import { normalizeRegion } from "../regions.ts";
import type { ResourceType } from "../resource-type.ts";
import { choice, flag, object, objects, recorded, required, text } from "../shapes.ts";
import { sha256 } from "../state.ts";
import { textAt, type Properties } from "../values.ts";

const STORAGE_ACCOUNT = "azure-native:storage:StorageAccount";

const SERVICES = ["blob", "dfs", "file", "queue", "table", "web"];

/** URL of an account's blob service, with the trailing slash that Azure gives it. */
export function blobEndpoint(accountName: string): string {
  return `https://${accountName}.blob.core.windows.net/`;
}

/** The two keys of an account, computed from its id. */
export function accountKeys(accountId: string): readonly Properties[] {
  return ["key1", "key2"].map((keyName) => ({
    keyName,
    permissions: "FULL",
    value: Buffer.from(sha256(`${accountId} ${keyName}`).repeat(2))
      .subarray(0, 64)
      .toString("base64"),
  }));
}

export const storageAccount: ResourceType = {
  token: STORAGE_ACCOUNT,
  ...inGroup("Microsoft.Storage/storageAccounts", {
    property: "accountName",
    auto: "random",
    rule: storageAccountName,
  }),
  apiVersion: "2024-01-01",
  properties: {
    ...groupProperties("accountName"),
    kind: required(
      choice(["StorageV2", "BlobStorage", "BlockBlobStorage"], ["Storage", "FileStorage"]),
    ),
    sku: required(
      object({
        name: required(
          choice(
            [
              "Standard_LRS",
              "Standard_ZRS",
              "Standard_GRS",
              "Standard_GZRS",
              "Standard_RAGRS",
              "Standard_RAGZRS",
              "Premium_LRS",
              "Premium_ZRS",
            ],
            [
              "PremiumV2_LRS",
              "PremiumV2_ZRS",
              "StandardV2_LRS",
              "StandardV2_GRS",
              "StandardV2_ZRS",
              "StandardV2_GZRS",
            ],
          ),
        ),
      }),
    ),
    accessTier: recorded(choice(["Hot", "Cool", "Premium", "Cold"])),
    allowBlobPublicAccess: flag(),
    allowSharedKeyAccess: flag(),
    allowCrossTenantReplication: recorded(flag()),
    defaultToOAuthAuthentication: recorded(flag()),
    enableHttpsTrafficOnly: recorded(flag()),
    minimumTlsVersion: recorded(choice(["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"])),
    publicNetworkAccess: recorded(choice(["Enabled", "Disabled"], ["SecuredByPerimeter"])),
    isHnsEnabled: recorded(flag()),
    networkRuleSet: recorded(
      object({
        bypass: text(),
        defaultAction: required(choice(["Allow", "Deny"])),
        ipRules: objects({ iPAddressOrRange: required(text()), action: choice(["Allow"]) }),
        virtualNetworkRules: objects({
          virtualNetworkResourceId: required(text()),
          action: choice(["Allow"]),
        }),
      }),
    ),
  },
  replacedBy: ["location", "isHnsEnabled"],
  network: false,
  computed: ["sku.tier"],
  put: ({ name, inputs }) => ({
    ...withoutPlace(inputs, "accountName"),
    sku: { name: textAt(inputs, "sku", "name") ?? "", tier: tierOf(textAt(inputs, "sku", "name")) },
    accessTier: inputs["accessTier"] ?? "Hot",
    enableHttpsTrafficOnly: inputs["enableHttpsTrafficOnly"] ?? true,
    primaryEndpoints: Object.fromEntries(
      SERVICES.map((service) => [service, `https://${name}.${service}.core.windows.net/`]),
    ),
    primaryLocation: normalizeRegion(textAt(inputs, "location") ?? ""),
    statusOfPrimary: "available",
    provisioningState: "Succeeded",
  }),
};

function tierOf(sku: string | undefined): string {
  return sku?.startsWith("Premium") === true ? "Premium" : "Standard";
}
