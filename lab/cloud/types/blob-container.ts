/** Blob containers. */
import { ArmError } from "../errors.ts";
import { containerName } from "../names.ts";
import { etagOf } from "../references.ts";
import type { ResourceType } from "../resource-type.ts";
import { choice, map, recorded, required, text } from "../shapes.ts";
import { textAt } from "../values.ts";
import { storageAccount } from "./storage-account.ts";

export const blobContainer: ResourceType = {
  token: "azure-native:storage:BlobContainer",
  armType: "Microsoft.Storage/storageAccounts/blobServices/containers",
  apiVersion: "2024-01-01",
  naming: { property: "containerName", auto: "random", rule: containerName },
  parents: ["resourceGroupName", "accountName"],
  id: (inputs) =>
    `${storageAccount.id(inputs)}/blobServices/default/containers/${textAt(inputs, "containerName") ?? ""}`,
  parentId: storageAccount.id,
  properties: {
    resourceGroupName: required(text()),
    accountName: required(text()),
    containerName: text(),
    publicAccess: choice(["None", "Blob", "Container"]),
    metadata: recorded(map()),
  },
  replacedBy: [],
  network: false,
  computed: [],
  put: ({ inputs, state }) => {
    const publicAccess = textAt(inputs, "publicAccess") ?? "None";
    const account = state.find(storageAccount.id(inputs));
    if (publicAccess !== "None" && account?.inputs["allowBlobPublicAccess"] !== true) {
      throw new ArmError(
        "PublicAccessNotPermitted",
        `Public access is not permitted on this storage account.`,
        409,
      );
    }
    return {
      publicAccess,
      metadata: inputs["metadata"],
      etag: etagOf(inputs),
      hasImmutabilityPolicy: false,
      hasLegalHold: false,
      leaseState: "Available",
      leaseStatus: "Unlocked",
      deleted: false,
    };
  },
};
