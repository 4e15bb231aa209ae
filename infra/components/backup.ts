/** Backup of the data disk: daily snapshots that Azure Backup takes, keeps and restores. */
import type { Disk } from "@pulumi/azure-native/compute/disk.js";
import { BackupInstance } from "@pulumi/azure-native/dataprotection/backupInstance.js";
import { BackupPolicy } from "@pulumi/azure-native/dataprotection/backupPolicy.js";
import { BackupVault } from "@pulumi/azure-native/dataprotection/backupVault.js";
import { ResourceGroup } from "@pulumi/azure-native/resources/resourceGroup.js";
import { DISK_SOURCE, planBackupRules, SNAPSHOT_STORE } from "../plan/backup-policy.ts";
import { assignRole } from "./role.ts";
import { protectedInProduction, type StackContext } from "./stack-context.ts";

/** Days for which deleted backups can be brought back; Azure's lowest value, free of charge. */
const SOFT_DELETE_DAYS = 14;

export function createBackup(context: StackContext, dataDisk: Disk): void {
  const { settings, names, tags, location, resourceGroupName, named, parent } = context;
  const { environment, backup } = settings;
  if (!backup.enabled) return;

  // A group of their own: the vault may delete every snapshot of its group, and nothing else.
  const snapshots = new ResourceGroup(
    named("snapshots"),
    { resourceGroupName: names.snapshotGroup, location, tags },
    protectedInProduction(context),
  );
  const vault = new BackupVault(
    named("backup-vault"),
    {
      resourceGroupName,
      location,
      tags,
      vaultName: names.backupVault,
      identity: { type: "SystemAssigned" },
      properties: {
        storageSettings: [{ datastoreType: "VaultStore", type: "LocallyRedundant" }],
        securitySettings: {
          softDeleteSettings:
            environment === "prod"
              ? { state: "On", retentionDurationInDays: SOFT_DELETE_DAYS }
              : { state: "Off" },
        },
      },
    },
    protectedInProduction(context),
  );
  const policy = new BackupPolicy(
    named("backup-policy"),
    {
      resourceGroupName,
      vaultName: vault.name,
      backupPolicyName: names.backupPolicy,
      properties: {
        objectType: "BackupPolicy",
        datasourceTypes: [DISK_SOURCE],
        policyRules: planBackupRules(backup),
      },
    },
    { parent },
  );
  const identity = { principalId: vault.identity.apply((known) => known?.principalId ?? "") };
  const access = [
    assignRole(context, "read-disk", identity, "diskBackupReader", dataDisk.id),
    assignRole(context, "keep-snapshots", identity, "diskSnapshotContributor", snapshots.id),
    assignRole(context, "restore-disk", identity, "diskRestoreOperator", snapshots.id),
  ];
  new BackupInstance(
    named("backup"),
    {
      resourceGroupName,
      tags,
      vaultName: vault.name,
      backupInstanceName: names.dataDisk,
      properties: {
        objectType: "BackupInstance",
        friendlyName: names.dataDisk,
        dataSourceInfo: {
          objectType: "Datasource",
          datasourceType: DISK_SOURCE,
          resourceType: DISK_SOURCE,
          resourceID: dataDisk.id,
          resourceName: names.dataDisk,
          resourceLocation: location,
        },
        policyInfo: {
          policyId: policy.id,
          policyParameters: {
            dataStoreParametersList: [
              {
                objectType: "AzureOperationalStoreParameters",
                dataStoreType: SNAPSHOT_STORE,
                resourceGroupId: snapshots.id,
              },
            ],
          },
        },
      },
    },
    { ...protectedInProduction(context), dependsOn: access },
  );
}
