/** What the lab puts into a machine before it boots: what Azure's platform and image would bring. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { AZURE_PLATFORM_ADDRESS } from "#contract";
import type { MachineSpecification } from "./specification.ts";

/** A data disk as the machine finds it: a block device under its own name. */
export interface AttachedDisk {
  readonly lun: number;
  /** For example `/dev/loop0`. */
  readonly device: string;
}

export interface GuestFilesRequest {
  readonly specification: MachineSpecification;
  readonly instanceId: string;
  readonly disks: readonly AttachedDisk[];
  /** PEM of the authority behind the simulated services. */
  readonly authorityCertificate: string;
  /** The image's own certificates, to which that one is added. */
  readonly imageCertificates: string;
}

/** Appears in the machine as soon as its systemd runs. */
export const STARTED_FILE = "/var/lib/gangway-lab/started";

const UNIT = "gangway-lab-boot.service";

/**
 * A container has no udev, and its systemd does not mount the devices of fstab; both are done here
 * in time, from the same fstab that a real machine would go by.
 */
const BOOT_UNIT = `[Unit]
Description=What udev and the mount units do on a machine of its own
DefaultDependencies=no
After=systemd-tmpfiles-setup-dev.service
Before=local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/bin/mount --all
ExecStart=/bin/mkdir -p ${dirname(STARTED_FILE)}
ExecStart=/bin/touch ${STARTED_FILE}
`;

/** Plans every file by its path in the machine. */
export function planGuestFiles(request: GuestFilesRequest): ReadonlyMap<string, string> {
  const { specification, instanceId, disks } = request;
  const { hostName, adminUser, adminKeys, cloudInit } = specification;
  const seed = "/var/lib/cloud/seed/nocloud";
  return new Map([
    [`${seed}/user-data`, cloudInit],
    [
      `${seed}/meta-data`,
      stringify({
        "instance-id": instanceId,
        "local-hostname": hostName,
        "public-keys": [...adminKeys],
      }),
    ],
    [
      // After the distribution's own files, which name every datasource.
      "/etc/cloud/cloud.cfg.d/99-gangway-lab.cfg",
      stringify({
        datasource_list: ["NoCloud"],
        // The lab has configured the machine's interface already, as Azure's DHCP would.
        network: { config: "disabled" },
        locale: "C.UTF-8",
        ...(adminUser === undefined
          ? {}
          : { system_info: { default_user: { name: adminUser, lock_passwd: true } } }),
      }),
    ],
    ["/etc/hosts", `127.0.0.1 localhost\n127.0.1.1 ${hostName}\n`],
    ["/etc/resolv.conf", `nameserver ${AZURE_PLATFORM_ADDRESS}\n`],
    ["/usr/local/share/ca-certificates/gangway-lab.crt", request.authorityCertificate],
    [CERTIFICATES, request.imageCertificates + request.authorityCertificate],
    ["/etc/tmpfiles.d/gangway-lab-disks.conf", disks.map(renderDiskLink).join("")],
    [`/etc/systemd/system/${UNIT}`, BOOT_UNIT],
    [`/etc/systemd/system/local-fs.target.d/gangway-lab.conf`, `[Unit]\nWants=${UNIT}\n`],
  ]);
}

/** Every authority that programs in the machine trust. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

export function readImageCertificates(image: string): string {
  return readFileSync(join(image, CERTIFICATES), "utf8");
}

/** The name that Azure's udev rules give the disk of a LUN. */
function renderDiskLink({ lun, device }: AttachedDisk): string {
  return `L /dev/disk/azure/scsi1/lun${String(lun)} - - - - ${device}\n`;
}

/** Writes the files below the machine's root. */
export function writeGuestFiles(root: string, files: ReadonlyMap<string, string>): void {
  for (const [path, content] of files) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    // A link of the image would lead out of the machine.
    rmSync(file, { force: true });
    writeFileSync(file, content);
    chmodSync(file, path.endsWith("/user-data") ? 0o600 : 0o644);
  }
  rmSync(join(root, STARTED_FILE), { force: true });
  mkdirSync(join(root, dirname(STARTED_FILE)), { recursive: true });
}
