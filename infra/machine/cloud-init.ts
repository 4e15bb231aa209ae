/**
 * What the machine does on its first boot, and only then: put the data disk in place. Everything
 * that changes travels by Run Command instead, because Azure refuses new customData for a machine
 * that exists.
 */

/** Logical unit number of the data disk: how the stack attaches it and the machine finds it. */
export const DATA_DISK_LUN = 0;

/** Where Linux shows the disk of a LUN: names of NVMe disks first, then those of SCSI disks. */
const DATA_DISK_DEVICES: readonly string[] = [
  `/dev/disk/azure/data/by-lun/${String(DATA_DISK_LUN)}`,
  `/dev/disk/azure/scsi1/lun${String(DATA_DISK_LUN)}`,
];

/** A disk counts as never written to when this much of its beginning holds only zeros. */
const BLANK_BYTES = 16_777_216;
const DEVICE_WAIT_SECONDS = 60;

/** Renders the cloud-config document. It must stay as it is for machines that exist. */
export function renderCloudInit(mountPoint: string): string {
  const script = renderDataDiskScript(mountPoint, DATA_DISK_DEVICES)
    .split("\n")
    .map((line) => (line === "" ? "" : `      ${line}`))
    .join("\n");
  return `#cloud-config
runcmd:
  - - bash
    - -c
    - |
${script}`;
}

/**
 * Renders the script that formats and mounts the data disk, in bash. A disk is formatted only when
 * no signature is found on it and its beginning is blank; a file system that is found is mounted as
 * it is; anything else is left alone. Can be repeated.
 */
export function renderDataDiskScript(mountPoint: string, devices: readonly string[]): string {
  return `set -eu
disk=
for _ in $(seq ${String(DEVICE_WAIT_SECONDS)}); do
  for device in ${devices.join(" ")}; do
    if [ -e "$device" ]; then disk=$device; break 2; fi
  done
  sleep 1
done
if [ -z "$disk" ]; then echo "gangway: no data disk" >&2; exit 1; fi
signatures=0
blkid --probe "$disk" >/dev/null || signatures=$?
if [ "$signatures" -eq 2 ] && cmp --quiet --bytes=${String(BLANK_BYTES)} "$disk" /dev/zero; then
  mkfs.ext4 -q -L gangway-data "$disk"
fi
uuid=$(blkid --probe --match-tag UUID --output value "$disk" || true)
if [ -z "$uuid" ]; then
  echo "gangway: the data disk is neither blank nor a file system; it was left alone" >&2
  exit 1
fi
mkdir -p ${mountPoint}
if ! grep -q " ${mountPoint} " /etc/fstab; then
  echo "UUID=$uuid ${mountPoint} auto defaults,nofail,nodev,nosuid,noexec 0 2" >>/etc/fstab
fi
mountpoint -q ${mountPoint} || mount ${mountPoint}
`;
}
