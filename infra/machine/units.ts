/** Everything that the server archive carries besides the server: unit and delivery script. */
import { BUNDLE_LAYOUT } from "#contract";
import { renderDeliveryScript } from "./delivery-script.ts";
import { LAYOUT, MACHINE_FILES, SERVICE_NAME, SERVICE_USER, type MachineLayout } from "./layout.ts";

/** A text file of the server archive. */
export interface MachineFile {
  /** Path inside the archive. */
  readonly name: string;
  readonly content: string;
}

/** Renders the files that the server archive carries for the machine. */
export function renderUnits(): readonly MachineFile[] {
  return [
    { name: `${MACHINE_FILES.unitsFolder}/${SERVICE_NAME}`, content: renderService(LAYOUT) },
    { name: MACHINE_FILES.deliveryScript, content: renderDeliveryScript(LAYOUT) },
  ];
}

/** Seconds that the server gets to finish transfers before systemd kills it. */
const DRAIN_SECONDS = 90;
const MOST_OPEN_FILES = 65536;

/**
 * The server's unit. It may bind ports below 1024 and write to the data folder; nothing else of the
 * machine is writable for it. (`MemoryDenyWriteExecute` is missing because V8 compiles at run time.)
 */
function renderService(layout: MachineLayout): string {
  const node = `${layout.current}/${BUNDLE_LAYOUT.node}`;
  const server = `${layout.current}/${BUNDLE_LAYOUT.server}`;
  return `# Rendered by Gangway; changes made here are overwritten by the next delivery.
[Unit]
Description=Gangway FTP server
Wants=network-online.target
After=network-online.target nftables.service systemd-sysctl.service
RequiresMountsFor=${layout.dataFolder}
ConditionPathExists=${layout.settingsFile}

[Service]
Type=exec
ExecStart=${node} ${server} --settings ${layout.settingsFile} --deployment ${layout.deploymentFile}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
TimeoutStopSec=${String(DRAIN_SECONDS)}
KillMode=mixed
LimitNOFILE=${String(MOST_OPEN_FILES)}
User=${SERVICE_USER}
Group=${SERVICE_USER}
UMask=0027
ReadWritePaths=${layout.dataFolder}
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}
