/** Identities that a machine holds. */
import { ArmError } from "../errors.ts";
import { guidOf, LAB_TENANT } from "../identifiers.ts";
import { USER_ASSIGNED_IDENTITY } from "../references.ts";
import type { PutRequest } from "../resource-type.ts";
import { compact, listAt, textAt, type Properties } from "../values.ts";

/** The identity block as Azure answers it; refuses user-assigned identities that do not exist. */
export function identityOf({ id, inputs, state }: PutRequest): Properties | undefined {
  const type = textAt(inputs, "identity", "type");
  if (type === undefined) return undefined;
  const assigned = listAt(inputs, "identity", "userAssignedIdentities").map((identityId) => {
    const identity = typeof identityId === "string" ? state.find(identityId) : undefined;
    if (identity === undefined || identity.type !== USER_ASSIGNED_IDENTITY) {
      throw new ArmError(
        "FailedIdentityOperation",
        `Identity operation for resource '${id}' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: the identity '${String(identityId)}' was not found.'.`,
      );
    }
    const { principalId, clientId } = identity.outputs;
    return [identity.id, compact({ principalId, clientId })] as const;
  });
  const system = /SystemAssigned/i.test(type);
  return compact({
    type,
    userAssignedIdentities: assigned.length === 0 ? undefined : Object.fromEntries(assigned),
    principalId: system ? guidOf(`${id} principal`) : undefined,
    tenantId: system ? LAB_TENANT : undefined,
  });
}
