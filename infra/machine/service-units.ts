/** The unit of the server's generations, and the starter of the one in force. */
import { BUNDLE_LAYOUT, METADATA_ADDRESS, STOP_DRAIN_SECONDS } from "#contract";
import {
  DELIVERED_NOTE,
  GENERATION_TEMPLATE,
  LAYOUT,
  SERVICE_NAME,
  SERVICE_USER,
  type MachineLayout,
} from "./layout.ts";
import { LOG_FACILITY, SERVER_LOG_NAME } from "./log-shipping.ts";
import { SANDBOX } from "./sandbox.ts";

/** Beyond the drain, systemd kills. (After an upgrade it lasts `handoverSeconds` of the settings.) */
const STOP_SECONDS = STOP_DRAIN_SECONDS + 30;
const MOST_OPEN_FILES = 65536;

/** Where a generation answers for itself, whoever has the health port. */
export function statusSocketOf(layout: MachineLayout, generation: string): string {
  return `${layout.runFolder}/${generation}/status.sock`;
}

/** While it exists, nothing starts this generation again: it leaves, or was found wanting. */
export function leavingFileOf(layout: MachineLayout, generation: string): string {
  return `${layout.runFolder}/${generation}.leaving`;
}

/**
 * The server's unit. It has no capability at all: systemd binds its ports, and the kernel setting
 * of active mode lets anyone use those. Only the data folder and its own folder below /run are
 * writable for it, and the metadata service, which gives tokens to whoever asks, is out of reach.
 */
export function renderGeneration(): string {
  const release = `${LAYOUT.generations}/%i`;
  const { settingsFile, deploymentFile } = LAYOUT;
  const command = [
    `${release}/${BUNDLE_LAYOUT.node} ${release}/${BUNDLE_LAYOUT.server}`,
    `--settings ${settingsFile} --deployment ${deploymentFile}`,
    `--generation %i --status-socket ${statusSocketOf(LAYOUT, "%i")}`,
    `--drain-seconds ${String(STOP_DRAIN_SECONDS)} --handover-seconds \${HANDOVER_SECONDS}`,
  ];
  return `${DELIVERED_NOTE}
[Unit]
Description=Gangway FTP server, generation %i
Wants=network-online.target
After=network-online.target nftables.service systemd-sysctl.service
RequiresMountsFor=${LAYOUT.dataFolder}
ConditionPathExists=${settingsFile}
ConditionPathExists=!${leavingFileOf(LAYOUT, "%i")}
PartOf=${SERVICE_NAME}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command.join(" \\\n  ")}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
TimeoutStopSec=${String(STOP_SECONDS)}
KillMode=mixed
LimitNOFILE=${String(MOST_OPEN_FILES)}
SyslogFacility=${LOG_FACILITY}
SyslogIdentifier=${SERVER_LOG_NAME}
LogRateLimitIntervalSec=0
User=${SERVICE_USER}
Group=${SERVICE_USER}
UMask=0077
RuntimeDirectory=${LAYOUT.runFolder.replace("/run/", "")}/%i
LogsDirectory=${LAYOUT.logFolder.replace("/var/log/", "")}
LogsDirectoryMode=0750
ReadWritePaths=${LAYOUT.dataFolder}
IPAddressDeny=${METADATA_ADDRESS}
PrivateUsers=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
${SANDBOX}`;
}

/**
 * The starter. It is what boot and sockets start; which generation that is, says a symlink, which
 * a delivery replaces at once.
 */
export function renderStarter(): string {
  const instance = GENERATION_TEMPLATE.replace(
    "@",
    `@$$(basename "$$(readlink ${LAYOUT.current})")`,
  );
  return `${DELIVERED_NOTE}
[Unit]
Description=Starts the generation of the Gangway FTP server that is in force
ConditionPathExists=${LAYOUT.current}
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'exec systemctl start --no-block "${instance}"'

[Install]
WantedBy=multi-user.target
`;
}
