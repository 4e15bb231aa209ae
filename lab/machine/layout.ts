/** Where a simulated machine keeps, inside the lab folder, what a real one has under /etc and /opt. */
import { join } from "node:path";
import { MACHINE_LAYOUT } from "#contract";

export interface MachineFolder {
  readonly root: string;
  /** Unpacked releases, named by content. */
  readonly releases: string;
  readonly settingsFile: string;
  readonly deploymentFile: string;
  readonly certificatesFolder: string;
  readonly guestFirewallFile: string;
  readonly sysctlFile: string;
  /** What the data disk is on a real machine. */
  readonly dataFolder: string;
  /** JSON lines of the server, of all its starts. */
  readonly logFile: string;
  /** Names the release in force. */
  readonly currentFile: string;
}

export function machineFolder(labFolder: string, machine: string): MachineFolder {
  const root = join(labFolder, "machines", machine);
  const real = (path: string) => join(root, path);
  return {
    root,
    // Shared by all machines of the lab, and kept when the lab goes down.
    releases: join(labFolder, "releases"),
    settingsFile: real(MACHINE_LAYOUT.settingsFile),
    deploymentFile: real(MACHINE_LAYOUT.deploymentFile),
    certificatesFolder: real(
      join(MACHINE_LAYOUT.settingsFolder, MACHINE_LAYOUT.certificatesFolder),
    ),
    guestFirewallFile: real(MACHINE_LAYOUT.guestFirewallFile),
    sysctlFile: real(MACHINE_LAYOUT.sysctlFile),
    dataFolder: real(MACHINE_LAYOUT.dataFolder),
    logFile: join(root, "server.log"),
    currentFile: join(root, "current"),
  };
}
