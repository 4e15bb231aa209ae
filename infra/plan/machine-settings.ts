/** What the machine is told, all of it from plain settings: known in every preview. */
import {
  MACHINE_LAYOUT,
  mergeRanges,
  planIdleTimeouts,
  planKeepalive,
  planServerSettings,
  singlePort,
  type MachineSettings,
  type PortRange,
  type Settings,
} from "#contract";
import { renderGuestFirewall } from "../machine/guest-firewall.ts";
import { renderKernelSettings } from "../machine/kernel-settings.ts";
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
  return {
    server: planServerSettings(settings, {
      certificateFile: MACHINE_LAYOUT.certificateFile,
      dataFolder: MACHINE_LAYOUT.dataFolder,
    }),
    guestFirewall: renderGuestFirewall(planAccess(settings)),
    sysctl: renderKernelSettings(listenedPorts(settings), keepalive),
  };
}

/** Every port that the server listens on, merged. */
function listenedPorts(settings: Settings): readonly PortRange[] {
  const { controlPort, implicitTlsPort, healthProbePort, passivePorts } = settings;
  return mergeRanges([
    singlePort(controlPort),
    ...(implicitTlsPort === undefined ? [] : [singlePort(implicitTlsPort)]),
    singlePort(healthProbePort),
    passivePorts,
  ]);
}

export function planSettingsBlob(machineSettings: MachineSettings): SettingsBlob {
  const text = canonicalJson(machineSettings);
  return { text, sha256: sha256(text) };
}
