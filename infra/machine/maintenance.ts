/** Security updates without a person, and reboots inside the maintenance window only. */
import { parseMaintenanceWindow } from "#contract";
import { DELIVERED_NOTE, LAYOUT } from "./layout.ts";

/** Both are in the image; updates and kernels leave the file when the machine has to reboot. */
const REBOOT_REQUIRED_FILE = "/run/reboot-required";
const REBOOT_UNIT = "gangway-reboot.service";
export const REBOOT_TIMER = "gangway-reboot.timer";

/**
 * The timer of the window, by its path. Machines of a fleet spread over the window, each always at
 * the same time of it; a window that was missed is not made up for.
 *
 * @throws RangeError when the text is no window (the contract rejects that earlier).
 */
export function renderMaintenance(maintenanceWindow: string): Readonly<Record<string, string>> {
  const window = parseMaintenanceWindow(maintenanceWindow);
  if (window === undefined) throw new RangeError(`no maintenance window: ${maintenanceWindow}`);
  const { days, start, minutes } = window;
  return {
    [`${LAYOUT.units}/${REBOOT_TIMER}`]: `# Rendered by Gangway from the stack's settings.
[Unit]
Description=The maintenance window: ${maintenanceWindow} UTC

[Timer]
OnCalendar=${days.join(",")} *-*-* ${start}:00 UTC
RandomizedDelaySec=${String(minutes)}min
FixedRandomDelay=yes
AccuracySec=1min
Persistent=no

[Install]
WantedBy=timers.target
`,
  };
}

/** Files that do not depend on the settings, by their paths. */
export function renderUpdates(): Readonly<Record<string, string>> {
  return {
    [`${LAYOUT.units}/${REBOOT_UNIT}`]: `${DELIVERED_NOTE}
[Unit]
Description=Reboots when updates ask for it
ConditionPathExists=${REBOOT_REQUIRED_FILE}

[Service]
Type=oneshot
ExecStart=/usr/bin/systemctl reboot
`,
    // Which origins count as security updates, the distribution says in a file of its own.
    "/etc/apt/apt.conf.d/60gangway-updates": `// Rendered by Gangway.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Automatic-Reboot "false";
`,
    // Updated libraries reach the server with its next start; they must not be the reason for one.
    "/etc/needrestart/conf.d/60-gangway.conf": `# Rendered by Gangway.
$nrconf{override_rc}{qr(^gangway)} = 0;
`,
  };
}
