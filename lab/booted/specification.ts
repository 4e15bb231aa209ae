/** What a booted machine is made from, read from the simulated cloud. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CloudResource, CloudState } from "../cloud/state.ts";
import { at, isRecord, listAt, textAt } from "../cloud/values.ts";

/** A data disk: a file that holds its blocks and outlives the machine. */
export interface DataDisk {
  /** Logical unit number: where the machine finds it. */
  readonly lun: number;
  readonly file: string;
  readonly bytes: number;
}

export interface MachineSpecification {
  /** ARM id of the virtual machine. */
  readonly machineId: string;
  readonly name: string;
  readonly size: string;
  readonly hostName: string;
  readonly adminUser: string | undefined;
  readonly adminKeys: readonly string[];
  /** What cloud-init gets to read; custom data wins over user data. */
  readonly cloudInit: string;
  readonly dataDisks: readonly DataDisk[];
}

const DISK = "azure-native:compute:Disk";
const GIBIBYTE = 2 ** 30;
/** Azure's smallest data disk, where the declaration leaves the size out. */
const SMALLEST_DISK_GIB = 4;

export function readSpecification(
  state: CloudState,
  { id, name, inputs, outputs }: CloudResource,
): MachineSpecification {
  const profile = at(inputs, "osProfile");
  const encoded = textAt(profile, "customData") ?? textAt(inputs, "userData") ?? "";
  return {
    machineId: id,
    name,
    size: textAt(inputs, "hardwareProfile", "vmSize") ?? "",
    hostName: textAt(profile, "computerName") ?? name,
    adminUser: textAt(profile, "adminUsername"),
    adminKeys: listAt(profile, "linuxConfiguration", "ssh", "publicKeys").flatMap(
      (key) => textAt(key, "keyData") ?? [],
    ),
    cloudInit: Buffer.from(encoded, "base64").toString("utf8"),
    dataDisks: listAt(outputs, "storageProfile", "dataDisks").flatMap((disk) => {
      const lun = isRecord(disk) ? disk["lun"] : undefined;
      const attached = state.find(textAt(disk, "managedDisk", "id") ?? "");
      if (typeof lun !== "number" || attached === undefined) return [];
      const gibibytes = attached.inputs["diskSizeGB"];
      const size = typeof gibibytes === "number" ? gibibytes : SMALLEST_DISK_GIB;
      return [{ lun, file: diskFile(state, attached.id), bytes: size * GIBIBYTE }];
    }),
  };
}

const diskFolder = (labFolder: string) => join(labFolder, "disks");

/** A disk that is deleted and made anew is another disk, and blank. */
function diskFile(state: CloudState, diskId: string): string {
  const incarnation = `${diskId.toLowerCase()} ${String(state.deletions(diskId))}`;
  const key = createHash("sha256").update(incarnation).digest("hex").slice(0, 16);
  return join(diskFolder(state.folder), `${key}.img`);
}

/** Deletes the files of disks that the cloud no longer has. */
export function removeDeletedDisks(state: CloudState): void {
  const folder = diskFolder(state.folder);
  if (!existsSync(folder)) return;
  const kept = new Set(state.ofType(DISK).map(({ id }) => diskFile(state, id)));
  for (const file of readdirSync(folder).map((name) => join(folder, name))) {
    if (!kept.has(file)) rmSync(file, { force: true });
  }
}

/** What a machine has to start anew for. (Azure attaches disks to running machines, too.) */
export function sameHardware(one: MachineSpecification, other: MachineSpecification): boolean {
  const hardware = ({ machineId, size, dataDisks }: MachineSpecification) =>
    JSON.stringify([machineId.toLowerCase(), size, dataDisks]);
  return hardware(one) === hardware(other);
}
