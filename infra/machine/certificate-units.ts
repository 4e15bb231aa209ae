/** Units of the certificate agent: what starts it, and what it may do. */
import { BUNDLE_LAYOUT } from "#contract";
import { DELIVERED_NOTE, LAYOUT } from "./layout.ts";
import { CERTIFICATE_LOG_NAME, LOG_FACILITY } from "./log-shipping.ts";
import { SANDBOX } from "./sandbox.ts";

const UNIT = "gangway-certificates";
const TIMER = `${UNIT}.timer`;
const PATH = `${UNIT}.path`;

/** Units that start the agent: the clock, and the Key Vault extension when it brings something. */
export const CERTIFICATE_TRIGGERS: readonly string[] = [TIMER, PATH];

/**
 * Authorities that the machine trusts beside those built into Node: whoever runs an authority of
 * their own puts its root there.
 */
export const TRUSTED_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

/** Renders the units, by absolute path. */
export function renderCertificateUnits(): Readonly<Record<string, string>> {
  return {
    [`${LAYOUT.units}/${UNIT}.service`]: renderService(),
    [`${LAYOUT.units}/${TIMER}`]: TIMER_TEXT,
    [`${LAYOUT.units}/${PATH}`]: PATH_TEXT,
  };
}

/**
 * It runs as root, because it reads what the extension writes for root alone, but without a single
 * capability, and only two folders are writable for it. The lock keeps it from a delivery's run.
 */
function renderService(): string {
  const { current, certificateAgentFile, certificateStateFolder, settingsFolder } = LAYOUT;
  const agent = `${current}/${BUNDLE_LAYOUT.node} ${current}/${BUNDLE_LAYOUT.certificateAgent}`;
  return `${DELIVERED_NOTE}
[Unit]
Description=Gangway certificate agent
Wants=network-online.target
After=network-online.target
ConditionPathExists=${certificateAgentFile}

[Service]
Type=oneshot
ExecStart=/usr/bin/flock ${certificateStateFolder} ${agent} \\
  --settings ${certificateAgentFile} --state ${certificateStateFolder}
TimeoutStartSec=1h
Environment=NODE_EXTRA_CA_CERTS=${TRUSTED_AUTHORITIES}
SyslogFacility=${LOG_FACILITY}
SyslogIdentifier=${CERTIFICATE_LOG_NAME}
UMask=0077
StateDirectory=${certificateStateFolder.replace("/var/lib/", "")}
ReadWritePaths=${settingsFolder}/${LAYOUT.certificatesFolder}
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
${SANDBOX}`;
}

/** Four times a day, at times of its own for each machine: authorities ask for that. */
const TIMER_TEXT = `${DELIVERED_NOTE}
[Unit]
Description=Gangway certificates, four times a day

[Timer]
OnCalendar=*-*-* 00/6:00:00
RandomizedDelaySec=6h
FixedRandomDelay=yes
Persistent=yes

[Install]
WantedBy=timers.target
`;

const PATH_TEXT = `${DELIVERED_NOTE}
[Unit]
Description=Gangway certificates, as soon as the Key Vault extension brings them

[Path]
PathChanged=${LAYOUT.certificateStore}
MakeDirectory=yes
DirectoryMode=0700

[Install]
WantedBy=multi-user.target
`;
