/** Places and names on the machine that only the machine's own files use. */
import { MACHINE_LAYOUT } from "#contract";

/** Where everything lies. Tests render the scripts for another root. */
export type MachineLayout = Readonly<Record<keyof typeof MACHINE_LAYOUT, string>> & {
  /** Below it lie the files that a release and the settings bring. */
  readonly root: string;
  /** Where the administrator's units go. */
  readonly units: string;
  /** What a delivery brings and saves, while it runs: in memory, for root alone. */
  readonly stagingFolder: string;
};

export const LAYOUT: MachineLayout = {
  ...MACHINE_LAYOUT,
  root: "/",
  units: "/etc/systemd/system",
  stagingFolder: "/run/gangway-delivery",
};

/** First line of the files that a release brings. */
export const DELIVERED_NOTE =
  "# Rendered by Gangway; changes made here are overwritten by the next delivery.";

/** Starts the generation in force: at boot, and when a client comes while none runs. */
export const SERVICE_NAME = "gangway.service";
/** The template of the server's units; its instances are the generations `a` and `b`. */
export const GENERATION_TEMPLATE = "gangway@.service";
/** Holds what a settings file says about the units of both generations. */
export const GENERATION_DROP_IN = `${GENERATION_TEMPLATE}.d/settings.conf`;

/** The account that the server runs as: not the administrator's. */
export const SERVICE_USER = "gangwayd";

/** Names inside the server archive. */
export const MACHINE_FILES = {
  deliveryScript: "deliver.sh",
  watchScript: "watch.sh",
  /** Files below it belong at the same path below the root of the machine. */
  hostFolder: "host",
} as const;

/** Names that the Run Command's script gives the downloads for the delivery script. */
export const STAGED_FILES = {
  machineSettings: "machine-settings.json",
  deployment: "deployment.json",
  certificateAgent: "certificates.json",
} as const;

/** The unit that holds the control connections of one port. */
export function socketUnitName(port: number): string {
  return `gangway-${String(port)}.socket`;
}
/** Finds all of them. */
export const SOCKET_UNIT_PATTERN = "gangway-[0-9]*.socket";

/** The unit of a generation: `a`, `b`, or systemd's `%i` in the template itself. */
export function generationUnitName(generation: string): string {
  return GENERATION_TEMPLATE.replace("@", `@${generation}`);
}
