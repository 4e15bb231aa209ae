/** The disks of a machine: the one it is created with, empty ones, and attached ones. */
import { ArmError } from "../errors.ts";
import { resourceGroupId, resourceGroupOf, sameId } from "../identifiers.ts";
import { DISK, idAt, referenced } from "../references.ts";
import { normalizeRegion } from "../regions.ts";
import type { PutRequest } from "../resource-type.ts";
import { sha256 } from "../state.ts";
import type { CloudResource } from "../state.ts";
import { at, compact, isRecord, listAt, textAt, type Properties, type Value } from "../values.ts";
import { ownerOf } from "./disk.ts";

/** Refuses disks that are missing, in use, in another zone, or in the way. */
export function refuseDisks(request: PutRequest): void {
  const { id, inputs, previous, state } = request;
  const osDisk = implicitDiskIds(id, inputs)[0];
  if (previous === undefined && osDisk !== undefined && state.find(osDisk) !== undefined) {
    throw new ArmError(
      "ConflictingUserInput",
      `Disk ${osDisk.slice(osDisk.lastIndexOf("/") + 1)} already exists in resource group ${resourceGroupOf(id) ?? ""}. Only CreateOption.Attach is supported.`,
      409,
    );
  }
  const units = new Set<Value>();
  for (const disk of dataDisks(inputs)) {
    const unit = disk["lun"] ?? null;
    if (units.has(unit)) {
      throw new ArmError(
        "InvalidParameter",
        `A disk at LUN ${String(unit)} already exists. Target: dataDisk.lun.`,
      );
    }
    units.add(unit);
    const attached = idAt(disk, "managedDisk");
    if (attached !== undefined) refuseAttached(request, attached);
  }
}

function refuseAttached({ id, name, inputs, state }: PutRequest, diskId: string): void {
  const region = normalizeRegion(textAt(inputs, "location") ?? "");
  const disk = referenced(state, { id, region }, { id: diskId, type: DISK });
  const owner = ownerOf(diskId, state);
  if (owner !== undefined && !sameId(owner.id, id)) {
    throw new ArmError(
      "ConflictingUserInput",
      `Disk '${disk.name}' cannot be attached as the disk is already owned by VM '${owner.id}'.`,
      409,
    );
  }
  const [machineZone = ""] = listAt(inputs, "zones");
  const [diskZone = ""] = listAt(disk.inputs, "zones");
  const zoneRedundant = /_ZRS$/i.test(textAt(disk.inputs, "sku", "name") ?? "");
  if (machineZone === diskZone || zoneRedundant) return;
  throw new ArmError(
    "BadRequest",
    `Disk ${diskId} cannot be attached to the VM because it is not in the same zone as the VM. VM zone: '${String(machineZone)}'. Disk zone: '${String(diskZone)}'. (VM ${name})`,
  );
}

/** Storage profile as Azure answers it, names and ids of the disks filled in. */
export function disksOf({ id, inputs }: Pick<PutRequest, "id" | "inputs">): Properties {
  const [osDiskId = "", ...emptyDiskIds] = implicitDiskIds(id, inputs);
  const remaining = [...emptyDiskIds];
  return compact({
    imageReference: at(inputs, "storageProfile", "imageReference"),
    osDisk: withDisk(record(at(inputs, "storageProfile", "osDisk")), osDiskId, { osType: "Linux" }),
    dataDisks: dataDisks(inputs).map((disk) =>
      withDisk(disk, idAt(disk, "managedDisk") ?? remaining.shift() ?? "", {}),
    ),
  });
}

function withDisk(disk: Properties, id: string, extra: Properties): Properties {
  return compact({
    caching: "None",
    deleteOption: "Detach",
    ...extra,
    ...disk,
    name: textAt(disk, "name") ?? id.slice(id.lastIndexOf("/") + 1),
    managedDisk: { ...record(disk["managedDisk"]), id },
  });
}

/** Ids of the disks that come with the machine: the OS disk first, then empty data disks. */
function implicitDiskIds(machineId: string, inputs: Properties): readonly string[] {
  const group = resourceGroupId(resourceGroupOf(machineId) ?? "");
  const machine = machineId.slice(machineId.lastIndexOf("/") + 1);
  const idOf = (name: string): string => `${group}/providers/Microsoft.Compute/disks/${name}`;
  const suffix = sha256(machineId).slice(0, 32);
  const osDisk =
    textAt(inputs, "storageProfile", "osDisk", "name") ?? `${machine}_OsDisk_1_${suffix}`;
  const empty = dataDisks(inputs)
    .filter((disk) => idAt(disk, "managedDisk") === undefined)
    .map((disk) => textAt(disk, "name") ?? `${machine}_DataDisk_${String(disk["lun"])}_${suffix}`);
  return [osDisk, ...empty].map(idOf);
}

/** The disks that Azure creates together with a machine. */
export function implicitDisks(machine: CloudResource): readonly CloudResource[] {
  const sources = [
    record(at(machine.inputs, "storageProfile", "osDisk")),
    ...dataDisks(machine.inputs).filter((disk) => idAt(disk, "managedDisk") === undefined),
  ];
  return implicitDiskIds(machine.id, machine.inputs).map((id, index) => {
    const name = id.slice(id.lastIndexOf("/") + 1);
    const { location, zones } = machine.inputs;
    const size = sources[index]?.["diskSizeGB"];
    const inputs = compact({
      location,
      zones,
      diskSizeGB: size,
      creationData: { createOption: "FromImage" },
    });
    return {
      id,
      name,
      type: DISK,
      inputs,
      outputs: { ...inputs, id, name, managedBy: machine.id, provisioningState: "Succeeded" },
      secrets: [],
      implicitOwner: machine.id,
    };
  });
}

/** Disks whose `deleteOption` is `Delete`. */
export function disksDeletedAlong(machine: CloudResource): readonly string[] {
  const osDisk = at(machine.outputs, "storageProfile", "osDisk");
  return [osDisk, ...listAt(machine.outputs, "storageProfile", "dataDisks")].flatMap((disk) =>
    textAt(disk, "deleteOption")?.toLowerCase() === "delete"
      ? (idAt(disk, "managedDisk") ?? [])
      : [],
  );
}

function dataDisks(inputs: Properties): readonly Properties[] {
  return listAt(inputs, "storageProfile", "dataDisks").filter(isRecord);
}

function record(value: Value | undefined): Properties {
  return isRecord(value) ? value : {};
}
