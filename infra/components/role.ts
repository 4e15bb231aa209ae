/** Role assignments of identities: the machine's, and that of the backup vault. */
import { RoleAssignment } from "@pulumi/azure-native/authorization/roleAssignment.js";
import type * as pulumi from "@pulumi/pulumi";
import { all, output } from "@pulumi/pulumi";
import { planRoleAssignmentName, planRoleDefinitionId, type Role } from "../plan/roles.ts";
import type { StackContext } from "./stack-context.ts";

/** Lets the identity use `role` on `scope` and on nothing else. */
export function assignRole(
  { named, parent }: Pick<StackContext, "named" | "parent">,
  name: string,
  identity: { readonly principalId: pulumi.Output<string> },
  role: Role,
  scope: pulumi.Input<string>,
): RoleAssignment {
  return new RoleAssignment(
    named(name),
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
