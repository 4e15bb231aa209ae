/**
 * What the stack hands to the machine, by name. The stack writes it, the delivery script and the
 * lab's machine read it; neither has to know how the other is built.
 */
import type { ServerSettingsFile } from "./server-settings.ts";

/**
 * The content of the settings blob: the server's settings and what the machine around it needs,
 * all rendered by the stack.
 */
export interface MachineSettings {
  /** Settings file of the server. */
  readonly server: ServerSettingsFile;
  /** nftables ruleset of the guest firewall, a whole file for `nft -f`. */
  readonly guestFirewall: string;
  /** Kernel settings, a whole file for `sysctl -p`: reserved ports, keepalive, backlog. */
  readonly sysctl: string;
  /** Other files of the machine that follow from the settings: text by absolute path. */
  readonly files: Readonly<Record<string, string>>;
  /** Seconds that a former server keeps its transfers after an upgrade. */
  readonly handoverSeconds: number;
}

/**
 * Parameters of the Run Command that delivers a release; the script sees them as environment
 * variables of the same names. The `Secret` one is a protected parameter.
 */
export interface DeliveryParameters {
  readonly runtimeUrl: string;
  readonly runtimeSha256: string;
  readonly serverUrl: string;
  readonly serverSha256: string;
  readonly settingsUrl: string;
  readonly settingsSha256: string;
  /** The `CertificateAgentFile` of the contract as JSON: references to secrets, no secrets. */
  readonly certificates: string;
  /** Client id of the machine's user-assigned identity. */
  readonly identityClientId: string;
  /** The `Deployment` of the contract as JSON (it holds the probe's password hash). */
  readonly deploymentSecret: string;
}

/** Where a release lives on the machine. */
export const MACHINE_LAYOUT = {
  /** Release folders, named by content. */
  releases: "/opt/gangway/releases",
  /** Two symlinks to releases, `a` and `b`: servers that may run side by side during an upgrade. */
  generations: "/opt/gangway/generations",
  /** The symlink to the generation in force, and so to its release. */
  current: "/opt/gangway/current",
  /** Until the next boot: the generations' status sockets and who is leaving. */
  runFolder: "/run/gangway",
  /** Settings, deployment and certificates; the server watches this folder. */
  settingsFolder: "/etc/gangway",
  settingsFile: "/etc/gangway/settings.json",
  deploymentFile: "/etc/gangway/deployment.json",
  /** Certificates by name, `NAME.pem`: relative to the settings file, as the settings name them. */
  certificatesFolder: "certificates",
  /** Tells the certificate agent what certificates there are to be. */
  certificateAgentFile: "/etc/gangway/certificates.json",
  /** What the agent remembers: failures, and when it may try again. */
  certificateStateFolder: "/var/lib/gangway-certificates",
  /** Where the Key Vault VM extension puts what it fetches. */
  certificateStore: "/var/lib/gangway-key-vault",
  guestFirewallFile: "/etc/nftables.conf",
  sysctlFile: "/etc/sysctl.d/60-gangway.conf",
  /** Mount point of the data disk. */
  dataFolder: "/srv/gangway",
  /** The server may make the folder of its W3C log below it; the settings folder is not writable. */
  logFolder: "/var/log/gangway",
} as const;

/** Names inside the two archives. Both unpack into one folder. */
export const BUNDLE_LAYOUT = {
  /** In the runtime archive: the pinned Node binary. */
  node: "bin/node",
  /** In the server archive: the whole server, one file; takes the arguments of `gangway serve`. */
  server: "server.mjs",
  /** In the server archive: the certificate agent, one file. */
  certificateAgent: "certificates.mjs",
} as const;
