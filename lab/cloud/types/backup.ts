/** Backup vaults, their policies, and the disks they protect. The lab takes no snapshot. */
import { ArmError, NotSimulated } from "../errors.ts";
import { guidOf, isWithin, LAB_TENANT } from "../identifiers.ts";
import { backupItemName, backupVaultName } from "../names.ts";
import { groupProperties, inGroup, inside } from "../placement.ts";
import {
  BACKUP_INSTANCE,
  BACKUP_POLICY,
  BACKUP_VAULT,
  DISK,
  etagOf,
  existingResource,
  RESOURCE_GROUP,
} from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import {
  anything,
  choice,
  flag,
  map,
  object,
  objects,
  recorded,
  required,
  text,
  texts,
  whole,
} from "../shapes.ts";
import { at, isBetween, isRecord, listAt, textAt, type OptionalProperties } from "../values.ts";
import { hasRole } from "./role-assignment.ts";

const SOFT_DELETE_DAYS = { least: 14, most: 180 };
const DISKS = "Microsoft.Compute/disks";

export const backupVault: ResourceType = {
  token: BACKUP_VAULT,
  ...inGroup("Microsoft.DataProtection/backupVaults", {
    property: "vaultName",
    auto: "random",
    rule: backupVaultName,
  }),
  apiVersion: "2025-01-01",
  properties: {
    ...groupProperties("vaultName"),
    identity: object({ type: choice(["None", "SystemAssigned"], ["UserAssigned"]) }),
    properties: required(
      object({
        storageSettings: required(
          objects({
            datastoreType: required(choice(["OperationalStore", "VaultStore"], ["ArchiveStore"])),
            type: required(choice(["GeoRedundant", "LocallyRedundant", "ZoneRedundant"])),
          }),
        ),
        securitySettings: object({
          softDeleteSettings: object({
            state: choice(["Off", "On", "AlwaysOn"]),
            retentionDurationInDays: whole(),
          }),
        }),
      }),
    ),
  },
  replacedBy: ["location"],
  network: false,
  computed: ["identity.principalId", "identity.tenantId", "properties.provisioningState"],
  put: ({ id, inputs, state }) => {
    const softDelete = at(inputs, "properties", "securitySettings", "softDeleteSettings");
    const days = at(softDelete, "retentionDurationInDays");
    const { least, most } = SOFT_DELETE_DAYS;
    if (typeof days === "number" && !isBetween(days, SOFT_DELETE_DAYS)) {
      throw new ArmError(
        "BadRequest",
        `Soft delete retention must be from ${String(least)} to ${String(most)} days.`,
      );
    }
    const assigned = textAt(inputs, "identity", "type") === "SystemAssigned";
    const principalId = guidOf(`${id} principal ${String(state.deletions(id))}`);
    const properties = at(inputs, "properties");
    return {
      identity: assigned
        ? { type: "SystemAssigned", principalId, tenantId: LAB_TENANT }
        : { type: "None" },
      properties: { ...(isRecord(properties) ? properties : {}), provisioningState: "Succeeded" },
      eTag: etagOf(inputs),
    };
  },
  refuseDelete: (vault, state) => {
    const kept = state.ofType(BACKUP_INSTANCE).filter(({ id }) => isWithin(id, vault.id));
    if (kept.length === 0) return;
    throw new ArmError(
      "BackupVaultNotEmpty",
      `Backup vault ${vault.name} cannot be deleted as there are existing backup instances within it: ${kept.map(({ name }) => name).join(", ")}.`,
      409,
    );
  },
};

/** Hours between snapshots of a disk. */
const INTERVALS = ["PT1H", "PT2H", "PT4H", "PT6H", "PT8H", "PT12H", "P1D"];
const store = required(object({ dataStoreType: required(text()), objectType: required(text()) }));

export const backupPolicy: ResourceType = {
  token: BACKUP_POLICY,
  ...inside(backupVault, "backupPolicies", {
    property: "backupPolicyName",
    auto: "random",
    rule: backupItemName,
  }),
  apiVersion: "2025-01-01",
  properties: {
    resourceGroupName: required(text()),
    vaultName: required(text()),
    backupPolicyName: text(),
    properties: required(
      object({
        objectType: required(choice(["BackupPolicy"])),
        datasourceTypes: required(texts()),
        policyRules: required(
          // One of two kinds, told by objectType.
          objects({
            objectType: required(choice(["AzureBackupRule", "AzureRetentionRule"])),
            name: required(text()),
            backupParameters: object({
              objectType: required(choice(["AzureBackupParams"])),
              backupType: required(choice(["Incremental"], ["Full"])),
            }),
            dataStore: { ...store, required: false },
            trigger: object({
              objectType: required(
                choice(["ScheduleBasedTriggerContext"], ["AdhocBasedTriggerContext"]),
              ),
              schedule: required(
                object({ repeatingTimeIntervals: required(texts()), timeZone: text() }),
              ),
              taggingCriteria: required(
                objects({
                  isDefault: required(flag()),
                  taggingPriority: required(whole()),
                  tagInfo: required(object({ tagName: required(text()) })),
                }),
              ),
            }),
            isDefault: flag(),
            lifecycles: objects({
              deleteAfter: required(
                object({
                  objectType: required(choice(["AbsoluteDeleteOption"])),
                  duration: required(text()),
                }),
              ),
              sourceDataStore: store,
            }),
          }),
        ),
      }),
    ),
  },
  replacedBy: [],
  network: false,
  computed: [],
  put: ({ inputs }) => {
    const invalid = (details: string): ArmError =>
      new ArmError(
        "BMSUserErrorInvalidInput",
        `Input provided for the call is invalid: ${details}`,
      );
    const sources = listAt(inputs, "properties", "datasourceTypes");
    if (sources.length !== 1 || sources[0] !== DISKS) {
      throw new NotSimulated(BACKUP_POLICY, "properties.datasourceTypes", sources.join(", "));
    }
    const rules = listAt(inputs, "properties", "policyRules");
    const kinds = rules.map((rule) => textAt(rule, "objectType"));
    if (!kinds.includes("AzureBackupRule") || !kinds.includes("AzureRetentionRule")) {
      throw invalid("a policy needs a backup rule and a retention rule.");
    }
    const times = rules.flatMap((rule) =>
      listAt(rule, "trigger", "schedule", "repeatingTimeIntervals"),
    );
    const wrong = times.find((time) => {
      const [repeat, start = "", every = ""] = String(time).split("/");
      return repeat !== "R" || Number.isNaN(Date.parse(start)) || !INTERVALS.includes(every);
    });
    if (times.length === 0 || wrong !== undefined) {
      throw invalid(`'${String(wrong)}' is not R/START/INTERVAL of a disk's backup.`);
    }
    return { properties: at(inputs, "properties") };
  },
};

function put({ inputs, state }: PutRequest): OptionalProperties {
  const vault = existingResource(state, backupVault.id(inputs), [BACKUP_VAULT]);
  const properties = at(inputs, "properties");
  const diskId = textAt(properties, "dataSourceInfo", "resourceID") ?? "";
  existingResource(state, diskId, [DISK]);
  const policyId = textAt(properties, "policyInfo", "policyId") ?? "";
  const policy = existingResource(state, policyId, [BACKUP_POLICY]);
  if (!isWithin(policy.id, vault.id)) {
    throw new ArmError("BMSUserErrorInvalidInput", `Policy ${policyId} is of another vault.`);
  }
  const [store] = listAt(properties, "policyInfo", "policyParameters", "dataStoreParametersList");
  const groupId = textAt(store, "resourceGroupId") ?? "";
  if (state.find(groupId)?.type !== RESOURCE_GROUP) {
    throw new ArmError("UserErrorSnapshotRGNotFound", `Snapshot resource group ${groupId}.`);
  }
  const principal = textAt(vault.outputs, "identity", "principalId") ?? "";
  const needed = [
    [diskId, "Disk Backup Reader", "UserErrorNotEnoughPermissionOnDisk"],
    [groupId, "Disk Snapshot Contributor", "UserErrorNotEnoughPermissionOnSnapshotRG"],
  ] as const;
  for (const [scope, role, code] of needed) {
    if (!hasRole(state, principal, scope, [role])) {
      throw new ArmError(
        code,
        `The Backup vault's managed identity lacks the role ${role} on ${scope}.`,
        403,
      );
    }
  }
  return {
    properties: {
      ...(isRecord(properties) ? properties : {}),
      currentProtectionState: "ProtectionConfigured",
      provisioningState: "Succeeded",
    },
  };
}

export const backupInstance: ResourceType = {
  token: BACKUP_INSTANCE,
  ...inside(backupVault, "backupInstances", {
    property: "backupInstanceName",
    auto: "random",
    rule: backupItemName,
  }),
  apiVersion: "2025-01-01",
  properties: {
    resourceGroupName: required(text()),
    vaultName: required(text()),
    backupInstanceName: text(),
    tags: map(),
    properties: required(
      object({
        objectType: required(choice(["BackupInstance"])),
        friendlyName: recorded(text()),
        dataSourceInfo: required(
          object({
            objectType: choice(["Datasource"]),
            datasourceType: choice([DISKS]),
            resourceType: recorded(text()),
            resourceID: required(text()),
            resourceName: recorded(text()),
            resourceLocation: recorded(text()),
            resourceUri: recorded(text()),
          }),
        ),
        dataSourceSetInfo: recorded(anything()),
        policyInfo: required(
          object({
            policyId: required(text()),
            policyParameters: object({
              dataStoreParametersList: objects({
                objectType: required(choice(["AzureOperationalStoreParameters"])),
                dataStoreType: required(choice(["OperationalStore"])),
                resourceGroupId: required(text()),
              }),
            }),
          }),
        ),
      }),
    ),
  },
  replacedBy: [],
  network: false,
  computed: ["properties.currentProtectionState", "properties.provisioningState"],
  put,
};
