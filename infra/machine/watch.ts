/** The watch: once a minute one record of how server and certificate are, for alerts. */
import {
  DELIVERED_NOTE,
  GENERATION_TEMPLATE,
  LAYOUT,
  MACHINE_FILES,
  SERVICE_USER,
} from "./layout.ts";
import {
  LOG_FACILITY,
  WATCH_INTERVAL_SECONDS,
  WATCH_LOG_NAME,
  type WatchRecord,
} from "./log-shipping.ts";
import { statusSocketOf } from "./service-units.ts";

const WATCH_UNIT = "gangway-watch.service";
export const WATCH_TIMER = "gangway-watch.timer";

/** Which metric becomes which field. */
const FIELDS: Readonly<Record<Exclude<keyof WatchRecord, "event" | "healthy">, string>> = {
  startTimeSeconds: "gangway_start_time_seconds",
  loginsRefused: "gangway_logins_refused_total",
  passivePorts: "gangway_passive_ports",
  passivePending: "gangway_passive_leases_pending",
  certificateExpiresSeconds: "gangway_certificate_expires_seconds",
};

/** The script of a release, for sh. Prints one `WatchRecord`. */
export function renderWatchScript(): string {
  const fields = Object.entries(FIELDS).map(([field, metric]) => `field["${metric}"] = "${field}"`);
  const generation = `$(basename "$(readlink ${LAYOUT.current})")`;
  return `#!/bin/sh
# Rendered by Gangway. Prints one line of JSON about the server in force.
socket=${statusSocketOf(LAYOUT, generation)}
get() { curl --fail --silent --max-time 5 --unix-socket "$socket" "http://localhost/$1"; }
healthy=false
metrics=
if get healthz >/dev/null && metrics=$(get metrics); then healthy=true; fi
printf '%s\\n' "$metrics" | awk -v healthy="$healthy" '
  BEGIN {
    ${fields.join("\n    ")}
    printf "{\\"event\\":\\"watch\\",\\"healthy\\":%s", healthy
  }
  $1 in field { printf ",\\"%s\\":%s", field[$1], $2 }
  END { print "}" }'
`;
}

/** Service and timer, by their paths. */
export function renderWatch(): Readonly<Record<string, string>> {
  return {
    [`${LAYOUT.units}/${WATCH_UNIT}`]: `${DELIVERED_NOTE}
[Unit]
Description=Reports on the Gangway FTP server
After=${GENERATION_TEMPLATE.replace("@", "@a")} ${GENERATION_TEMPLATE.replace("@", "@b")}
ConditionPathExists=${LAYOUT.current}

[Service]
Type=oneshot
ExecStart=/bin/sh ${LAYOUT.current}/${MACHINE_FILES.watchScript}
TimeoutStartSec=30
SyslogFacility=${LOG_FACILITY}
SyslogIdentifier=${WATCH_LOG_NAME}
LogLevelMax=info
User=${SERVICE_USER}
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateDevices=yes
PrivateNetwork=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_UNIX
`,
    [`${LAYOUT.units}/${WATCH_TIMER}`]: `${DELIVERED_NOTE}
[Unit]
Description=Reports on the Gangway FTP server

[Timer]
OnBootSec=${String(WATCH_INTERVAL_SECONDS)}
OnUnitActiveSec=${String(WATCH_INTERVAL_SECONDS)}
AccuracySec=1

[Install]
WantedBy=timers.target
`,
  };
}
