/** User-assigned identities; one that is made anew gets ids that no earlier one had. */
import { guidOf, LAB_TENANT, resourceGroupId } from "../identifiers.ts";
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
  put: ({ id, state }) => {
    const generation = state.deletions(id);
    return {
      principalId: guidOf(`${id} principal ${generation}`),
      clientId: guidOf(`${id} client ${generation}`),
      tenantId: LAB_TENANT,
    };
  },
};
