/** What the machine is told, all of it from plain settings: known in every preview. */
import { posix } from "node:path";
import {
  activeDataPort,
  controlPorts,
  listenedPorts,
  LOWEST_UNPRIVILEGED_PORT,
  MACHINE_LAYOUT,
  mergeRanges,
  planIdleTimeouts,
  planKeepalive,
  planServerSettings,
  type MachineSettings,
  type Settings,
} from "#contract";
import { renderControlSockets } from "../machine/control-sockets.ts";
import { renderGuestFirewall } from "../machine/guest-firewall.ts";
import { renderKernelSettings } from "../machine/kernel-settings.ts";
import { renderMaintenance } from "../machine/maintenance.ts";
import { planAccess } from "./access.ts";
import { canonicalJson, sha256 } from "./canonical.ts";

/** The settings blob: its content and, as its name, its hash. */
export interface SettingsBlob {
  readonly text: string;
  readonly sha256: string;
}

/** Plans the content of the settings blob. */
export function planMachineSettings(settings: Settings): MachineSettings {
  const keepalive = planKeepalive(
    planIdleTimeouts(settings.idleTimeoutMinutes),
    settings.keepaliveSeconds || undefined,
  );
  const server = planServerSettings(settings, {
    certificatesFolder: MACHINE_LAYOUT.certificatesFolder,
    dataFolder: MACHINE_LAYOUT.dataFolder,
    // Relative to the settings file, so that a machine of the lab keeps it in its own folder.
    logFolder: posix.relative(MACHINE_LAYOUT.settingsFolder, MACHINE_LAYOUT.logFolder),
  });
  const handoverSeconds = settings.machine.drainMinutes * 60;
  return {
    server,
    guestFirewall: renderGuestFirewall(planAccess(settings)),
    sysctl: renderKernelSettings({
      listened: mergeRanges(listenedPorts(settings, settings.passivePorts, settings.sites)),
      keepalive,
      lowestOpenPort: lowestOpenPort(settings),
    }),
    files: {
      ...renderControlSockets(settings, handoverSeconds),
      ...renderMaintenance(settings.machine.maintenanceWindow),
    },
    handoverSeconds,
  };
}

/**
 * The server has no capability to bind ports below 1024: systemd binds the control ports for it.
 * Active data connections come from ports that only the server itself can bind.
 */
function lowestOpenPort(settings: Settings): number {
  const { activeMode, passivePorts, sites } = settings;
  const active = activeMode
    ? controlPorts(settings, sites).map(({ port }) => activeDataPort(port))
    : [];
  return Math.min(LOWEST_UNPRIVILEGED_PORT, passivePorts.first, ...active);
}

export function planSettingsBlob(machineSettings: MachineSettings): SettingsBlob {
  const text = canonicalJson(machineSettings);
  return { text, sha256: sha256(text) };
}
