/** Places and names on the machine that only the machine's own files use. */
import { MACHINE_LAYOUT } from "#contract";

/** Where everything lies. Tests render the scripts for another root. */
export type MachineLayout = Readonly<Record<keyof typeof MACHINE_LAYOUT, string>> & {
  /** Where the administrator's units go. */
  readonly units: string;
};

export const LAYOUT: MachineLayout = { ...MACHINE_LAYOUT, units: "/etc/systemd/system" };

/** The service, and the account that it runs as: not the administrator's. */
export const SERVICE_NAME = "gangway.service";
export const SERVICE_USER = "gangwayd";

/** Names inside the server archive. */
export const MACHINE_FILES = { deliveryScript: "deliver.sh", unitsFolder: "units" } as const;

/** Names that the Run Command's script gives the downloads for the delivery script. */
export const STAGED_FILES = {
  machineSettings: "machine-settings.json",
  deployment: "deployment.json",
  certificate: "certificate.pem",
} as const;
