/** What a release sets on the machine around the server, whatever the stack's settings. */
import { CERTIFICATE_TRIGGERS, renderCertificateUnits } from "./certificate-units.ts";
import { DELIVERED_NOTE, GENERATION_TEMPLATE, LAYOUT, SERVICE_NAME } from "./layout.ts";
import { LOG_FACILITY } from "./log-shipping.ts";
import { REBOOT_TIMER, renderUpdates } from "./maintenance.ts";
import { renderGeneration, renderStarter } from "./service-units.ts";
import { renderWatch, WATCH_TIMER } from "./watch.ts";

/** Units that a boot starts, beside the sockets. */
export const ENABLED_UNITS: readonly string[] = [
  SERVICE_NAME,
  REBOOT_TIMER,
  WATCH_TIMER,
  ...CERTIFICATE_TRIGGERS,
];

/** Files by absolute path. */
export function renderHostFiles(): Readonly<Record<string, string>> {
  return {
    [`${LAYOUT.units}/${GENERATION_TEMPLATE}`]: renderGeneration(),
    [`${LAYOUT.units}/${SERVICE_NAME}`]: renderStarter(),
    ...renderWatch(),
    ...renderCertificateUnits(),
    ...renderUpdates(),
    "/etc/systemd/journald.conf.d/60-gangway.conf": JOURNAL,
    // After the rule of Azure's agent (10-…), before those that write files (50-…): the journal has
    // these records already, with a bound; /var/log/syslog would grow for a week.
    "/etc/rsyslog.d/49-gangway.conf": `# Rendered by Gangway.\n${LOG_FACILITY}.* stop\n`,
  };
}

/** Bounds of the journal, so that a busy server never fills the system's disk. */
const JOURNAL = `${DELIVERED_NOTE}
[Journal]
Storage=persistent
Compress=yes
SystemMaxUse=1G
SystemKeepFree=2G
SystemMaxFileSize=64M
MaxRetentionSec=30day
ForwardToSyslog=yes
`;
