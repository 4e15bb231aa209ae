/** User-assigned identities; one that is made anew gets ids that no earlier one had. */
import { guidOf, LAB_TENANT } from "../identifiers.ts";
import { identityName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { USER_ASSIGNED_IDENTITY } from "../references.ts";
import type { ResourceType } from "../resource-type.ts";

export const userAssignedIdentity: ResourceType = {
  token: USER_ASSIGNED_IDENTITY,
  ...inGroup("Microsoft.ManagedIdentity/userAssignedIdentities", {
    property: "resourceName",
    auto: "random",
    rule: identityName,
  }),
  apiVersion: "2023-01-31",
  properties: {
    ...groupProperties("resourceName"),
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
