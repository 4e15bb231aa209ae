/** Blobs: azure-native's own resource, uploaded from a file or a text. */
import { ArmError } from "../errors.ts";
import { blobName } from "../names.ts";
import { inside } from "../placement.ts";
import type { ResourceType } from "../resource-type.ts";
import { asset, choice, map, recorded, required, text } from "../shapes.ts";
import { textAt } from "../values.ts";
import { blobContainer } from "./blob-container.ts";
import { blobEndpoint, storageAccount } from "./storage-account.ts";

export const blob: ResourceType = {
  token: "azure-native:storage:Blob",
  ...inside(blobContainer, "blobs", { property: "blobName", auto: "copy", rule: blobName }),
  apiVersion: "",
  properties: {
    resourceGroupName: required(text()),
    accountName: required(text()),
    containerName: required(text()),
    blobName: text(),
    source: asset(),
    type: choice(["Block"], ["Append"]),
    contentType: recorded(text()),
    contentMd5: recorded(text()),
    accessTier: recorded(choice(["Hot", "Cool"], ["Archive"])),
    metadata: recorded(map()),
  },
  replacedBy: ["source", "type", "contentMd5"],
  network: false,
  computed: [],
  put: ({ name, inputs, state }) => {
    // azure-native uploads with the account's key, whatever the deployer's own rights are.
    if (state.find(storageAccount.id(inputs))?.inputs["allowSharedKeyAccess"] === false) {
      throw new ArmError(
        "KeyBasedAuthenticationNotPermitted",
        "Key based authentication is not permitted on this storage account.",
        403,
      );
    }
    return {
      type: "Block",
      contentType: inputs["contentType"] ?? "application/octet-stream",
      contentMd5: inputs["contentMd5"],
      accessTier: inputs["accessTier"] ?? "Hot",
      metadata: inputs["metadata"],
      url: `${blobEndpoint(textAt(inputs, "accountName") ?? "")}${textAt(inputs, "containerName") ?? ""}/${encodeURI(name)}`,
    };
  },
};
