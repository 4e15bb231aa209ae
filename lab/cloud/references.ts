/** Looking up what a declaration refers to, and Azure's answers when it is not there. */
import { ArmError } from "./errors.ts";
import { resourceGroupOf, sameId } from "./identifiers.ts";
import { normalizeRegion } from "./regions.ts";
import { sha256 } from "./state.ts";
import type { CloudResource, CloudState } from "./state.ts";
import { isRecord, textAt, type Value } from "./values.ts";

/** Region of a resource, in Azure's short form. */
export function regionOf(resource: CloudResource): string {
  return normalizeRegion(textAt(resource.inputs, "location") ?? "");
}

/** The resource an id names; a missing one is refused as Microsoft.Network refuses it. */
export function referenced(
  state: CloudState,
  request: { readonly id: string; readonly region?: string },
  target: { readonly id: string; readonly type: string },
): CloudResource {
  const found = state.find(target.id);
  const region = found?.type === SUBNET ? undefined : found && regionOf(found);
  const nearby = request.region === undefined || region === undefined || region === request.region;
  if (found !== undefined && found.type === target.type && nearby) return found;
  throw new ArmError(
    "InvalidResourceReference",
    `Resource ${target.id} referenced by resource ${request.id} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
  );
}

/** Id of a sub-resource reference such as `subnet: {id}`. */
export function idAt(
  value: Value | undefined,
  ...path: readonly (string | number)[]
): string | undefined {
  return textAt(value, ...path, "id");
}

/** Network interfaces with an IP configuration that refers to an id under the given property. */
export function interfacesUsing(
  state: CloudState,
  property: "subnet" | "publicIPAddress",
  id: string,
): readonly { readonly nic: CloudResource; readonly configuration: string }[] {
  return state.ofType(NETWORK_INTERFACE).flatMap((nic) =>
    configurationsOf(nic)
      .filter((configuration) => sameId(idAt(configuration, property), id))
      .map((configuration) => ({
        nic,
        configuration: `${nic.id}/ipConfigurations/${textAt(configuration, "name") ?? ""}`,
      })),
  );
}

/** IP configurations of a network interface, as declared. */
export function configurationsOf(nic: CloudResource): readonly Value[] {
  const configurations = nic.inputs["ipConfigurations"];
  return Array.isArray(configurations) ? configurations.filter(isRecord) : [];
}

/** An entity tag: the same content has the same. */
export function etagOf(content: Value): string {
  return `W/"${sha256(JSON.stringify(content)).slice(0, 16)}"`;
}

/** Tokens that more than one type refers to. */
export const SUBNET = "azure-native:network:Subnet";
export const VIRTUAL_NETWORK = "azure-native:network:VirtualNetwork";
export const NETWORK_SECURITY_GROUP = "azure-native:network:NetworkSecurityGroup";
export const NETWORK_INTERFACE = "azure-native:network:NetworkInterface";
export const PUBLIC_IP_ADDRESS = "azure-native:network:PublicIPAddress";
export const VIRTUAL_MACHINE = "azure-native:compute:VirtualMachine";
export const DISK = "azure-native:compute:Disk";
export const USER_ASSIGNED_IDENTITY = "azure-native:managedidentity:UserAssignedIdentity";
export const WORKSPACE = "azure-native:operationalinsights:Workspace";
export const DATA_COLLECTION_RULE = "azure-native:monitor:DataCollectionRule";
export const ACTION_GROUP = "azure-native:monitor:ActionGroup";
export const BACKUP_VAULT = "azure-native:dataprotection:BackupVault";
export const BACKUP_POLICY = "azure-native:dataprotection:BackupPolicy";
export const BACKUP_INSTANCE = "azure-native:dataprotection:BackupInstance";
export const RESOURCE_GROUP = "azure-native:resources:ResourceGroup";

/** Refuses a reference to something that is not there, as the Azure Resource Manager does. */
export function existingResource(
  state: CloudState,
  id: string,
  types: readonly string[],
): CloudResource {
  const found = state.find(id);
  if (found !== undefined && types.includes(found.type)) return found;
  throw new ArmError(
    "ResourceNotFound",
    `The Resource '${id.slice(id.indexOf("/providers/") + "/providers/".length)}' under resource group '${resourceGroupOf(id) ?? ""}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    404,
  );
}
