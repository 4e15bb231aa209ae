/** Role assignments of Azure's own roles to principals that the lab knows. */
import { ArmError, NotSimulated } from "../errors.ts";
import {
  isGuid,
  isWithin,
  LAB_DEPLOYER,
  LAB_SUBSCRIPTION,
  LAB_TENANT,
  sameId,
} from "../identifiers.ts";
import { BACKUP_VAULT, USER_ASSIGNED_IDENTITY, VIRTUAL_MACHINE } from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { choice, recorded, required, text } from "../shapes.ts";
import type { CloudState } from "../state.ts";
import { textAt, type OptionalProperties } from "../values.ts";

const ROLE_ASSIGNMENT = "azure-native:authorization:RoleAssignment";

/** Azure's roles that the lab knows, by the GUID of their definition. */
const ROLES: Readonly<Record<string, string>> = {
  "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
  "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
  "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
  "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
  "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
  "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
  "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
  "a4417e6f-fecd-4de8-b567-7b0420556985": "Key Vault Certificates Officer",
  "21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
  "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
  "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
  "befefa01-2a29-4197-83a8-272ff33ce314": "DNS Zone Contributor",
  "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24": "Disk Backup Reader",
  "7efff54f-a5b4-42b5-a1c5-5411624893ce": "Disk Snapshot Contributor",
  "b50d9833-a0cb-478e-945f-707fcc997c13": "Disk Restore Operator",
};

/** Name of a role by the id of its definition. */
function roleNameOf(definitionId: string): string | undefined {
  return ROLES[definitionId.slice(definitionId.lastIndexOf("/") + 1).toLowerCase()];
}

/**
 * Whether a principal holds one of the named roles on a resource, by an assignment there or above.
 * The lab's machines ask this before they read a blob or a secret.
 */
export function hasRole(
  state: CloudState,
  principalId: string,
  resourceId: string,
  roles: readonly string[],
): boolean {
  return state.ofType(ROLE_ASSIGNMENT).some(({ inputs }) => {
    const scope = textAt(inputs, "scope") ?? "";
    const role = roleNameOf(textAt(inputs, "roleDefinitionId") ?? "");
    const covers = sameId(scope, resourceId) || isWithin(resourceId, scope);
    return (
      covers &&
      textAt(inputs, "principalId") === principalId &&
      role !== undefined &&
      roles.includes(role)
    );
  });
}

/** What kind of principal an object id belongs to. */
function principalTypeOf(principalId: string, state: CloudState): string | undefined {
  if (principalId === LAB_DEPLOYER) return "User";
  const identities = state
    .ofType(USER_ASSIGNED_IDENTITY)
    .map(({ outputs }) => textAt(outputs, "principalId"));
  const machines = [...state.ofType(VIRTUAL_MACHINE), ...state.ofType(BACKUP_VAULT)].map(
    ({ outputs }) => textAt(outputs, "identity", "principalId"),
  );
  return [...identities, ...machines].includes(principalId) ? "ServicePrincipal" : undefined;
}

function put({ id, inputs, state }: PutRequest): OptionalProperties {
  const principalId = textAt(inputs, "principalId") ?? "";
  const scope = textAt(inputs, "scope") ?? "";
  const role = textAt(inputs, "roleDefinitionId") ?? "";
  const subscription = `/subscriptions/${LAB_SUBSCRIPTION}`;
  if (!sameId(scope, subscription) && state.find(scope) === undefined) {
    throw new ArmError("ResourceNotFound", `The resource '${scope}' could not be found.`, 404);
  }
  if (roleNameOf(role) === undefined) {
    throw new NotSimulated(ROLE_ASSIGNMENT, "roleDefinitionId", `the role definition ${role}`);
  }
  refusePrincipal(principalId, textAt(inputs, "principalType") ?? "User", state);
  const twin = state
    .ofType(ROLE_ASSIGNMENT)
    .filter((other) => !sameId(other.id, id))
    .find(
      (other) =>
        sameId(textAt(other.inputs, "scope"), scope) &&
        textAt(other.inputs, "principalId") === principalId &&
        roleNameOf(textAt(other.inputs, "roleDefinitionId") ?? "") === roleNameOf(role),
    );
  if (twin !== undefined) {
    throw new ArmError("RoleAssignmentExists", "The role assignment already exists.", 409);
  }
  const { principalType, description, condition, conditionVersion } = inputs;
  return {
    principalId,
    principalType,
    roleDefinitionId: role,
    scope,
    description,
    condition,
    conditionVersion,
  };
}

function refusePrincipal(principalId: string, declared: string, state: CloudState): void {
  const actual = principalTypeOf(principalId, state);
  if (actual === undefined) {
    throw new ArmError(
      "PrincipalNotFound",
      `Principal ${principalId.replaceAll("-", "")} does not exist in the directory ${LAB_TENANT}. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.`,
    );
  }
  if (actual.toLowerCase() !== declared.toLowerCase()) {
    throw new ArmError(
      "UnmatchedPrincipalType",
      `The PrincipalId '${principalId.replaceAll("-", "")}' has type '${actual}', which is different from specified PrincipalType '${declared}'.`,
    );
  }
}

export const roleAssignment: ResourceType = {
  token: ROLE_ASSIGNMENT,
  armType: "Microsoft.Authorization/roleAssignments",
  apiVersion: "2022-04-01",
  naming: {
    property: "roleAssignmentName",
    auto: "uuid",
    rule: (name) => {
      if (isGuid(name)) return;
      throw new ArmError(
        "InvalidRoleAssignmentId",
        `The role assignment ID '${name}' is not valid. The role assignment ID must be a GUID.`,
      );
    },
  },
  parents: ["scope"],
  id: (inputs) =>
    `${textAt(inputs, "scope") ?? ""}/providers/Microsoft.Authorization/roleAssignments/${textAt(inputs, "roleAssignmentName") ?? ""}`,
  parentId: (inputs) => textAt(inputs, "scope") ?? "",
  properties: {
    scope: required(text()),
    roleAssignmentName: text(),
    principalId: required(text()),
    principalType: choice(["User", "ServicePrincipal"], ["Device", "ForeignGroup", "Group"]),
    roleDefinitionId: required(text()),
    description: recorded(text()),
    condition: recorded(text()),
    conditionVersion: recorded(choice(["2.0"], ["1.0"])),
  },
  replacedBy: ["principalId", "principalType", "roleDefinitionId"],
  network: false,
  computed: [],
  put,
};
