/** Role assignments: which built-in roles, on what, under which names. */
import { createHash } from "node:crypto";

/**
 * Ids of Azure's built-in roles, the least that delivery and backup need.
 * https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
 */
export const ROLES = {
  /** Read blobs of a container. */
  storageBlobDataReader: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
  /** Read the values of a vault's secrets. */
  keyVaultSecretsUser: "4633458b-17de-408a-b874-0445c86b69e6",
  /** Import certificates into a vault. */
  keyVaultCertificatesOfficer: "a4417e6f-fecd-4de8-b567-7b0420556985",
  /** Change a record set of a DNS zone. */
  dnsZoneContributor: "befefa01-2a29-4197-83a8-272ff33ce314",
  /** For Azure Backup: read a disk for a snapshot. */
  diskBackupReader: "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24",
  /** For Azure Backup: make and remove snapshots in a resource group. */
  diskSnapshotContributor: "7efff54f-a5b4-42b5-a1c5-5411624893ce",
  /** For Azure Backup: make a disk out of a snapshot in a resource group. */
  diskRestoreOperator: "b50d9833-a0cb-478e-945f-707fcc997c13",
} as const;
export type Role = keyof typeof ROLES;

/** Namespace of our names; any fixed UUID does. */
const NAMESPACE = "8d1c5b0e-9a53-4c57-9d9e-6f0a5f3c7b21";

/**
 * Name of a role assignment: a UUID made from its content, so that the same assignment has the
 * same name in every run.
 */
export function planRoleAssignmentName(scope: string, principalId: string, role: Role): string {
  return uuidV5(NAMESPACE, [scope.toLowerCase(), principalId.toLowerCase(), ROLES[role]].join("|"));
}

/** Full id of a role, in the subscription that `scope` lies in. */
export function planRoleDefinitionId(scope: string, role: Role): string {
  const subscription = /^\/subscriptions\/[^/]+/i.exec(scope)?.[0] ?? "";
  return `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${ROLES[role]}`;
}

/** RFC 9562, 5.5: a UUID from a namespace and a name. */
export function uuidV5(namespace: string, name: string): string {
  const digest = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name, "utf8")
    .digest()
    .subarray(0, 16);
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  return digest.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
