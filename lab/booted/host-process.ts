/**
 * Entry of the process that hosts one booted machine, in a network and a mount namespace of its
 * own: it is to the machine what Azure's host and platform are. Everything that it opens (mounts,
 * block devices, links, services, the machine itself) ends with it, whatever ends it.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { CloudStore, writeWhole } from "../cloud/state.ts";
import { recordProcess } from "../processes.ts";
import { mustRun, runProgram } from "../programs.ts";
import { ensureAuthority } from "./authority.ts";
import { REBOOT_EXIT_CODE, startContainer, waitForBoot, type BootResult } from "./container.ts";
import { closeControlGroups, openControlGroups } from "./control-groups.ts";
import { bootedFolder, type BootedFolder } from "./folder.ts";
import { planGuestFiles, readImageCertificates, writeGuestFiles } from "./guest-files.ts";
import { openLoopDevice } from "./loop-device.ts";
import { leaderRole } from "./roles.ts";
import { joinServiceNetwork } from "./service-network.ts";
import { openServices } from "./services.ts";
import type { MachineSpecification } from "./specification.ts";

/** What the process is told, in a file. */
export interface HostJob {
  readonly labFolder: string;
  /** Folder of the image; stays as it is. */
  readonly image: string;
  readonly specification: MachineSpecification;
  /** Process that holds the machine's network namespace. */
  readonly machineHolder: number;
  /** Way to the simulated services; without it the machine has none. */
  readonly services: { readonly privateAddress: string; readonly edgeHolder: number } | undefined;
}

/** What the process says once on its standard output. */
export type HostMessage =
  | ({ readonly kind: "booted" } & BootResult)
  | { readonly kind: "failed"; readonly message: string };

const log = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);

async function host(job: HostJob, leave: AbortSignal): Promise<void> {
  const { labFolder, specification } = job;
  const folder = bootedFolder(labFolder, specification.name);
  await using resources = new AsyncDisposableStack();
  await mountRoot(job.image, folder);
  const disks = [];
  for (const disk of specification.dataDisks) {
    const { device } = resources.use(await openLoopDevice(disk));
    disks.push({ lun: disk.lun, device });
  }
  const authority = await ensureAuthority(labFolder);
  if (job.services !== undefined) {
    const machine = { machine: specification.name, machineHolder: job.machineHolder };
    const address = await joinServiceNetwork({ ...machine, ...job.services });
    const state = new CloudStore(labFolder);
    const { machineId } = specification;
    resources.use(await openServices({ state, machineId, authority, address, log }));
  }
  const files = planGuestFiles({
    specification,
    instanceId: instanceIdOf(folder),
    disks,
    authorityCertificate: authority.authorityCertificate,
    imageCertificates: readImageCertificates(job.image),
  });
  const groupName = `gangway-lab-${randomUUID()}`;
  const controlGroups = openControlGroups(folder.controlGroupsFile, groupName);
  resources.defer(() => closeControlGroups(folder.controlGroupsFile));
  let exitCode: number | null = REBOOT_EXIT_CODE;
  while (exitCode === REBOOT_EXIT_CODE && !leave.aborted) {
    writeGuestFiles(folder.mount, files);
    const container = await startContainer({
      key: folder.root,
      hostName: specification.hostName,
      root: folder.mount,
      networkNamespace: `/proc/${String(job.machineHolder)}/ns/net`,
      devices: disks.map(({ device }) => device),
      controlGroups,
      consoleFile: folder.consoleFile,
    });
    recordProcess(labFolder, leaderRole(specification.name), container.leader);
    const result = await waitForBoot(container.leader);
    log(`booted: ${result.state} ${result.failedUnits.join(" ")}`);
    tell({ kind: "booted", ...result });
    const left = once(leave, "abort").then(() => container.stop());
    exitCode = await container.ended;
    if (leave.aborted) await left;
  }
}

/** The image with the machine's own layer on top. */
async function mountRoot(image: string, folder: BootedFolder): Promise<void> {
  const { layer, mount } = folder;
  const work = `${layer}.work`;
  for (const path of [layer, work, mount, "/run/systemd/nspawn"]) {
    mkdirSync(path, { recursive: true });
  }
  // What systemd-nspawn notes there about its machines goes with this namespace.
  await mustRun(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd/nspawn"]);
  const layers = `lowerdir=${image},upperdir=${layer},workdir=${work}`;
  const overlay = ["mount", "-t", "overlay", "-o", layers, "overlay", mount] as const;
  if ((await runProgram(overlay)).exitCode === 0) return;
  // The lab's folder lies on an overlay itself, as in containers.
  if (!existsSync(`${layer}/etc`)) await mustRun(["cp", "-a", `${image}/.`, layer]);
  await mustRun(["mount", "--bind", layer, mount]);
}

function instanceIdOf({ instanceFile }: BootedFolder): string {
  if (!existsSync(instanceFile)) writeWhole(instanceFile, randomUUID());
  return readFileSync(instanceFile, "utf8");
}

function tell(message: HostMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const leaving = new AbortController();
process.once("SIGTERM", () => leaving.abort());
// The parent leaves once the machine has booted.
process.stdout.on("error", () => undefined);

try {
  const job = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as HostJob;
  await host(job, leaving.signal);
  log("the machine has ended");
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  log(error instanceof Error ? (error.stack ?? message) : message);
  tell({ kind: "failed", message });
  process.exitCode = 1;
}
