/** User-assigned identities; each one that is created gets ids that no other ever had. */
import { randomUUID } from "node:crypto";
import { LAB_TENANT, resourceGroupId } from "../identifiers.ts";
import { identityName } from "../names.ts";
import { USER_ASSIGNED_IDENTITY } from "../references.ts";
import type { ResourceType } from "../resource-type.ts";
import { map, required, text } from "../shapes.ts";
import { textAt } from "../values.ts";

export const userAssignedIdentity: ResourceType = {
  token: USER_ASSIGNED_IDENTITY,
  armType: "Microsoft.ManagedIdentity/userAssignedIdentities",
  apiVersion: "2023-01-31",
  naming: { property: "resourceName", auto: "random", rule: identityName },
  parents: ["resourceGroupName"],
  id: (inputs) =>
    `${resourceGroupId(textAt(inputs, "resourceGroupName") ?? "")}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${textAt(inputs, "resourceName") ?? ""}`,
  properties: {
    resourceGroupName: required(text()),
    resourceName: text(),
    location: required(text()),
    tags: map(),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put: ({ previous }) => ({
    principalId: previous?.outputs["principalId"] ?? randomUUID(),
    clientId: previous?.outputs["clientId"] ?? randomUUID(),
    tenantId: LAB_TENANT,
  }),
};
