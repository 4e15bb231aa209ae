/** Where a booted machine's files lie inside the lab folder. */
import { join } from "node:path";

export interface BootedFolder {
  readonly root: string;
  /** What the machine has written on top of the image. */
  readonly layer: string;
  /** Where image and layer are one, for the process that hosts the machine. */
  readonly mount: string;
  /** What the machine was booted as. */
  readonly jobFile: string;
  /** What cloud-init knows this machine by. */
  readonly instanceFile: string;
  /** What the machine says on its console: Azure's boot diagnostics. */
  readonly consoleFile: string;
  /** Requests to the simulated services, and what went wrong in the hosting process. */
  readonly serviceLogFile: string;
  readonly controlGroupsFile: string;
}

/** Folder of all booted machines of a lab. */
const bootedFolderOf = (labFolder: string) => join(labFolder, "booted");

export function bootedFolder(labFolder: string, machine: string): BootedFolder {
  const root = join(bootedFolderOf(labFolder), machine);
  return {
    root,
    layer: join(root, "layer"),
    mount: join(root, "mount"),
    jobFile: join(root, "job.json"),
    instanceFile: join(root, "instance"),
    consoleFile: join(root, "console.log"),
    serviceLogFile: join(root, "services.log"),
    controlGroupsFile: join(root, "control-groups.json"),
  };
}
