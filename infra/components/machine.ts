/** The virtual machine and its data disk. */
import { Disk } from "@pulumi/azure-native/compute/disk.js";
import { VirtualMachine } from "@pulumi/azure-native/compute/virtualMachine.js";
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import { MACHINE_LAYOUT } from "#contract";
import { DATA_DISK_LUN, renderCloudInit } from "../machine/cloud-init.ts";
import { KEYLESS_PUBLIC_KEY } from "../plan/administrator-key.ts";
import { parseImage } from "../plan/image.ts";
import type { StackNetwork } from "./network.ts";
import { protectedInProduction, type StackContext } from "./stack-context.ts";

export interface StackMachine {
  readonly virtualMachine: VirtualMachine;
  readonly dataDisk: Disk;
}

const DISK_TYPE = "StandardSSD_LRS";

export function createMachine(
  context: StackContext,
  { networkInterface }: StackNetwork,
  identity: UserAssignedIdentity,
): StackMachine {
  const { settings, names, tags, location, resourceGroupName, named, parent } = context;
  const { size, image, zone, dataDiskGib, adminUser } = settings.machine;
  const common = { resourceGroupName, location, tags, zones: [zone] };

  const dataDisk = new Disk(
    named("data-disk"),
    {
      ...common,
      diskName: names.dataDisk,
      sku: { name: DISK_TYPE },
      creationData: { createOption: "Empty" },
      diskSizeGB: dataDiskGib,
      networkAccessPolicy: "DenyAll",
      publicNetworkAccess: "Disabled",
    },
    protectedInProduction(context),
  );

  const virtualMachine = new VirtualMachine(
    named("machine"),
    {
      ...common,
      vmName: names.virtualMachine,
      identity: { type: "UserAssigned", userAssignedIdentities: [identity.id] },
      hardwareProfile: { vmSize: size },
      securityProfile: {
        securityType: "TrustedLaunch",
        uefiSettings: { secureBootEnabled: true, vTpmEnabled: true },
      },
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
      networkProfile: {
        networkInterfaces: [{ id: networkInterface.id, primary: true, deleteOption: "Detach" }],
      },
      storageProfile: {
        imageReference: { ...parseImage(image) },
        osDisk: {
          name: names.osDisk,
          createOption: "FromImage",
          caching: "ReadWrite",
          deleteOption: "Delete",
          managedDisk: { storageAccountType: DISK_TYPE },
        },
        dataDisks: [
          {
            lun: DATA_DISK_LUN,
            createOption: "Attach",
            caching: "None",
            deleteOption: "Detach",
            managedDisk: { id: dataDisk.id },
          },
        ],
      },
      osProfile: {
        computerName: names.virtualMachine,
        adminUsername: adminUser,
        customData: Buffer.from(renderCloudInit(MACHINE_LAYOUT.dataFolder)).toString("base64"),
        linuxConfiguration: {
          disablePasswordAuthentication: true,
          provisionVMAgent: true,
          patchSettings: {
            patchMode: "AutomaticByPlatform",
            assessmentMode: "AutomaticByPlatform",
            // The machine reboots by itself, in its maintenance window (infra/machine/maintenance.ts).
            automaticByPlatformSettings: { rebootSetting: "Never" },
          },
          ssh: {
            publicKeys: [
              { path: `/home/${adminUser}/.ssh/authorized_keys`, keyData: KEYLESS_PUBLIC_KEY },
            ],
          },
        },
      },
    },
    {
      parent,
      // Azure takes either only with a new machine, and disk and NIC fit one at a time.
      replaceOnChanges: ["osProfile.customData", "storageProfile.imageReference"],
      deleteBeforeReplace: true,
    },
  );
  return { virtualMachine, dataDisk };
}
