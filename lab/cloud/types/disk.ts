/** Managed disks. */
import { ArmError } from "../errors.ts";
import { guidOf, sameId } from "../identifiers.ts";
import { diskName } from "../names.ts";
import { groupProperties, inGroup } from "../placement.ts";
import { DISK, VIRTUAL_MACHINE } from "../references.ts";
import type { PutRequest, ResourceType } from "../resource-type.ts";
import { choice, flag, object, recorded, required, texts, whole } from "../shapes.ts";
import type { CloudResource, CloudState } from "../state.ts";
import { listAt, textAt, type OptionalProperties } from "../values.ts";
import { refuseZonesOutside, unchangeable } from "./machine-rules.ts";

const GIGABYTE = 2 ** 30;

function put(request: PutRequest): OptionalProperties {
  const { id, name, inputs, previous, state } = request;
  refuseZonesOutside(inputs, "Microsoft.Compute/disks", name);
  const size = inputs["diskSizeGB"];
  if (typeof size !== "number" || size < 1) {
    throw new ArmError(
      "InvalidParameter",
      "Required parameter 'disk.diskSizeGB' is missing (null).",
    );
  }
  if (previous !== undefined) {
    unchangeable(previous.inputs, inputs, [["zones"], ["creationData", "createOption"]]);
    const before = previous.inputs["diskSizeGB"];
    if (typeof before === "number" && size < before) {
      throw new ArmError(
        "OperationNotAllowed",
        `Disk '${name}' of size ${before} GB cannot be made smaller: ${size} GB were requested. Shrinking a disk is not supported.`,
        409,
      );
    }
  }
  const owner = ownerOf(id, state);
  return {
    uniqueId: guidOf(id),
    creationData: inputs["creationData"],
    diskSizeGB: size,
    diskSizeBytes: size * GIGABYTE,
    sku: { tier: "Standard", name: textAt(inputs, "sku", "name") ?? "Standard_LRS" },
    zones: inputs["zones"],
    diskState: owner === undefined ? "Unattached" : "Attached",
    managedBy: owner?.id,
    networkAccessPolicy: inputs["networkAccessPolicy"] ?? "AllowAll",
    publicNetworkAccess: inputs["publicNetworkAccess"] ?? "Enabled",
    encryption: { type: "EncryptionAtRestWithPlatformKey" },
    provisioningState: "Succeeded",
  };
}

/** The machine that a disk is attached to. */
export function ownerOf(diskId: string, state: CloudState): CloudResource | undefined {
  return state
    .ofType(VIRTUAL_MACHINE)
    .find(({ outputs }) =>
      [textAt(outputs, "storageProfile", "osDisk", "managedDisk", "id")]
        .concat(
          listAt(outputs, "storageProfile", "dataDisks").map((disk) =>
            textAt(disk, "managedDisk", "id"),
          ),
        )
        .some((attached) => sameId(attached, diskId)),
    );
}

export const disk: ResourceType = {
  token: DISK,
  ...inGroup("Microsoft.Compute/disks", { property: "diskName", auto: "random", rule: diskName }),
  apiVersion: "2024-03-02",
  properties: {
    ...groupProperties("diskName"),
    creationData: required(
      object({
        createOption: required(
          choice(["Empty"], ["Attach", "Copy", "FromImage", "Import", "Restore", "Upload"]),
        ),
      }),
    ),
    diskSizeGB: whole(),
    sku: object({
      name: choice(
        [
          "Standard_LRS",
          "StandardSSD_LRS",
          "StandardSSD_ZRS",
          "Premium_LRS",
          "Premium_ZRS",
          "PremiumV2_LRS",
        ],
        ["UltraSSD_LRS"],
      ),
    }),
    zones: texts(),
    osType: recorded(choice(["Linux"], ["Windows"])),
    networkAccessPolicy: recorded(choice(["AllowAll", "AllowPrivate", "DenyAll"])),
    publicNetworkAccess: recorded(choice(["Enabled", "Disabled"])),
    burstingEnabled: recorded(flag()),
  },
  replacedBy: ["location"],
  network: false,
  computed: [],
  put,
  refuseDelete: (resource, state) => {
    const owner = ownerOf(resource.id, state);
    if (owner === undefined) return;
    throw new ArmError(
      "OperationNotAllowed",
      `Disk ${resource.name} is attached to VM ${owner.id}.`,
      409,
    );
  },
};
