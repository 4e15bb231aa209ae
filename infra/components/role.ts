/** Role assignments of identities: the machine's, and that of the backup vault. */
import type * as pulumi from "@pulumi/pulumi";
import { RoleAssignment } from "@pulumi/azure-native/authorization/roleAssignment.js";
import { all, output } from "@pulumi/pulumi";
import { planRoleAssignmentName, planRoleDefinitionId, type Role } from "../plan/roles.ts";

/** Lets the identity use `role` on `scope` and on nothing else. */
export function assignRole(
  name: string,
  identity: { readonly principalId: pulumi.Output<string> },
  role: Role,
  scope: pulumi.Input<string>,
  parent: pulumi.Resource,
): RoleAssignment {
  return new RoleAssignment(
    name,
    {
      scope,
      principalId: identity.principalId,
      // Without it, Azure looks the new identity up in the directory before it has arrived there.
      principalType: "ServicePrincipal",
      roleDefinitionId: output(scope).apply((id) => planRoleDefinitionId(id, role)),
      roleAssignmentName: all([scope, identity.principalId]).apply(([id, principal]) =>
        planRoleAssignmentName(id, principal, role),
      ),
    },
    { parent },
  );
}
