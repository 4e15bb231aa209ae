/** Linux virtual machines. */
import { guidOf } from "../identifiers.ts";
import { virtualMachineName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { etagOf, VIRTUAL_MACHINE } from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import {
  choice,
  flag,
  object,
  objects,
  recorded,
  required,
  text,
  texts,
  whole,
  type ObjectShape,
  type PropertyShape,
} from "../shapes.ts";
import type { CloudResource, CloudState } from "../state.ts";
import {
  at,
  isRecord,
  listAt,
  textAt,
  type OptionalProperties,
  type Properties,
} from "../values.ts";
import { disksDeletedAlong, disksOf, implicitDisks, refuseDisks } from "./machine-disks.ts";
import { identityOf } from "./machine-identity.ts";
import { refuseInterfaces } from "./machine-interfaces.ts";
import {
  FIXED_AT_CREATION,
  refuseImage,
  refuseOsProfile,
  refuseSize,
  refuseZonesOutside,
  unchangeable,
} from "./machine-rules.ts";
import { addressesDeletedAlong } from "./network-interface.ts";

const managedDisk: PropertyShape = object({
  id: text(),
  storageAccountType: recorded(
    choice(
      ["Standard_LRS", "StandardSSD_LRS", "Premium_LRS", "StandardSSD_ZRS", "Premium_ZRS"],
      ["UltraSSD_LRS", "PremiumV2_LRS"],
    ),
  ),
});

/** What the OS disk and data disks have in common. */
const diskProperties: ObjectShape = {
  name: text(),
  diskSizeGB: whole(),
  caching: recorded(choice(["None", "ReadOnly", "ReadWrite"])),
  deleteOption: choice(["Delete", "Detach"]),
  managedDisk,
};

const properties: ObjectShape = {
  ...groupProperties("vmName"),
  zones: texts(),
  hardwareProfile: object({ vmSize: text() }),
  networkProfile: object({
    networkInterfaces: objects({
      id: text(),
      primary: recorded(flag()),
      deleteOption: choice(["Delete", "Detach"]),
    }),
  }),
  osProfile: object({
    computerName: text(),
    adminUsername: text(),
    adminPassword: text(),
    customData: text(),
    allowExtensionOperations: recorded(flag()),
    linuxConfiguration: object({
      disablePasswordAuthentication: flag(),
      provisionVMAgent: recorded(flag()),
      enableVMAgentPlatformUpdates: recorded(flag()),
      ssh: object({ publicKeys: objects({ path: text(), keyData: text() }) }),
      patchSettings: recorded(
        object({
          patchMode: choice(["ImageDefault", "AutomaticByPlatform"]),
          assessmentMode: choice(["ImageDefault", "AutomaticByPlatform"]),
          automaticByPlatformSettings: object({
            rebootSetting: choice(["Unknown", "IfRequired", "Never", "Always"]),
            bypassPlatformSafetyChecksOnUserSchedule: flag(),
          }),
        }),
      ),
    }),
  }),
  storageProfile: object({
    imageReference: object({ publisher: text(), offer: text(), sku: text(), version: text() }),
    osDisk: object({
      ...diskProperties,
      createOption: required(choice(["FromImage"], ["Attach", "Empty", "Copy", "Restore"])),
      osType: choice(["Linux"], ["Windows"]),
    }),
    dataDisks: objects({
      ...diskProperties,
      lun: required(whole()),
      createOption: required(choice(["Attach", "Empty"], ["FromImage", "Copy", "Restore"])),
    }),
    diskControllerType: recorded(choice(["SCSI", "NVMe"])),
  }),
  securityProfile: object({
    encryptionAtHost: flag(),
    securityType: recorded(choice(["Standard", "TrustedLaunch"], ["ConfidentialVM"])),
    uefiSettings: recorded(object({ secureBootEnabled: flag(), vTpmEnabled: flag() })),
  }),
  diagnosticsProfile: recorded(
    object({ bootDiagnostics: object({ enabled: flag(), storageUri: text() }) }),
  ),
  identity: object({
    type: choice(["None", "SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned"]),
    userAssignedIdentities: texts(),
  }),
  userData: text(),
  priority: recorded(choice(["Regular"], ["Low", "Spot"])),
};

function put(request: PutRequest): OptionalProperties {
  const { id, name, inputs, previous } = request;
  if (previous !== undefined) unchangeable(previous.inputs, inputs, FIXED_AT_CREATION);
  refuseZonesOutside(inputs, "Microsoft.Compute/virtualMachines", name);
  refuseSize(inputs);
  refuseImage(inputs);
  refuseOsProfile({ ...inputs, vmName: name });
  refuseInterfaces(request);
  refuseDisks(request);
  return {
    vmId: guidOf(id),
    etag: etagOf(inputs),
    hardwareProfile: inputs["hardwareProfile"],
    networkProfile: inputs["networkProfile"],
    osProfile: visibleOsProfile(inputs),
    storageProfile: disksOf(request),
    securityProfile: inputs["securityProfile"],
    diagnosticsProfile: inputs["diagnosticsProfile"],
    identity: identityOf(request),
    priority: inputs["priority"],
    zones: inputs["zones"],
    provisioningState: "Succeeded",
  };
}

/** Azure returns neither passwords nor custom data. */
function visibleOsProfile(inputs: Properties): Properties {
  const profile = at(inputs, "osProfile");
  const entries = Object.entries(isRecord(profile) ? profile : {});
  return Object.fromEntries(
    entries.filter(([key]) => key !== "adminPassword" && key !== "customData"),
  );
}

/** Interfaces that go with the machine, and the public addresses that go with them. */
function interfacesDeletedAlong(machine: CloudResource, state: CloudState): readonly string[] {
  return listAt(machine.inputs, "networkProfile", "networkInterfaces").flatMap((item) => {
    const nic = state.find(textAt(item, "id") ?? "");
    const goes = textAt(item, "deleteOption")?.toLowerCase() === "delete";
    return nic !== undefined && goes ? [nic.id, ...addressesDeletedAlong(nic)] : [];
  });
}

export const virtualMachine: ResourceType = {
  token: VIRTUAL_MACHINE,
  ...inGroup("Microsoft.Compute/virtualMachines", {
    property: "vmName",
    auto: "random",
    rule: virtualMachineName,
  }),
  apiVersion: "2024-11-01",
  properties,
  replacedBy: ["location"],
  network: true,
  computed: [
    "identity.principalId",
    "identity.tenantId",
    "storageProfile.osDisk.name",
    "storageProfile.osDisk.managedDisk",
  ],
  writeOnly: ["userData"],
  put,
  companions: (machine, state) => ({
    put: implicitDisks(machine).filter(({ id }) => state.find(id) === undefined),
    removed: [],
  }),
  afterPut: async ({ resource, state, effects }) => {
    await effects.machineChanged(state, resource);
    return resource;
  },
  deletedAlong: (machine, state) => [
    ...disksDeletedAlong(machine),
    ...interfacesDeletedAlong(machine, state),
  ],
};
