/** What one run of the agent is asked for, and what it works with. */
import type { CertificateAgentSettings } from "#contract";
import type { Azure } from "./azure/azure.ts";
import type { KeyVault } from "./azure/key-vault.ts";
import type { Log } from "./log.ts";
import type { Patience } from "./patience.ts";
import type { Status } from "./status.ts";

export interface AgentOptions {
  readonly settings: CertificateAgentSettings;
  /** Folder of the certificates that the server reads. */
  readonly folder: string;
  /** Folder of what the agent remembers. */
  readonly stateFolder: string;
  /** Somebody waits: a delivery, or a person. Pauses that only politeness demands are skipped. */
  readonly immediate: boolean;
  readonly patience: Patience;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What the source of one certificate needs. */
export interface Run extends AgentOptions {
  readonly azure: Azure;
  readonly vault: KeyVault;
  readonly status: Status;
}
