/** When snapshots of the data disk are taken and how long they are kept. */
import type { Settings } from "#contract";

/** What is backed up, in the words of Azure Backup. */
export const DISK_SOURCE = "Microsoft.Compute/disks";
/** Snapshots stay beside the disk, in the subscription; nothing is copied into the vault. */
export const SNAPSHOT_STORE = "OperationalStore";

/** Any day in the past at the wanted time: the schedule repeats from there. */
const FIRST_DAY = "2026-01-01";

/**
 * Plans the rules of the backup policy.
 * https://learn.microsoft.com/azure/backup/backup-managed-disks
 */
export function planBackupRules({ retentionDays, timeUtc }: Settings["backup"]) {
  const dataStore = { dataStoreType: SNAPSHOT_STORE, objectType: "DataStoreInfoBase" };
  return [
    {
      objectType: "AzureBackupRule" as const,
      name: "BackupDaily",
      backupParameters: { objectType: "AzureBackupParams" as const, backupType: "Incremental" },
      dataStore,
      trigger: {
        objectType: "ScheduleBasedTriggerContext" as const,
        schedule: {
          repeatingTimeIntervals: [`R/${FIRST_DAY}T${timeUtc}:00+00:00/P1D`],
          timeZone: "UTC",
        },
        taggingCriteria: [
          { isDefault: true, taggingPriority: 99, tagInfo: { tagName: "Default" } },
        ],
      },
    },
    {
      objectType: "AzureRetentionRule" as const,
      name: "Default",
      isDefault: true,
      lifecycles: [
        {
          deleteAfter: {
            objectType: "AbsoluteDeleteOption" as const,
            duration: `P${String(retentionDays)}D`,
          },
          sourceDataStore: dataStore,
        },
      ],
    },
  ];
}
