/** The second stage of the contract: settings joined with what Azure assigned. */
import { planCertificates } from "./certificates.ts";
import type { Settings } from "./settings.ts";
import { planProbeAccount, type Deployment } from "./server-settings.ts";

/** What Azure assigns and the settings cannot know. */
export interface Assigned {
  /** The public IPv4 address. */
  readonly publicAddress: string;
  /** Its DNS name, when it has one. */
  readonly fqdn: string | undefined;
}

/** Settings plus assignment: all that advertisement, certificate names and probe need. */
export interface Deployed {
  readonly settings: Settings;
  /** The address in replies to PASV, and the one the probe expects. */
  readonly advertisedAddress: string;
  /** Names and addresses that the certificate must cover, the preferred one first. */
  readonly certificateNames: readonly string[];
}

/** Joins the two stages; a pure function, called in the component's single `apply`. */
export function deploy(settings: Settings, assigned: Assigned): Deployed {
  const advertisedAddress =
    settings.externalAddress === "" ? assigned.publicAddress : settings.externalAddress;
  const [certificate] = planCertificates(settings);
  const names = [
    ...(certificate?.hostNames ?? []),
    // No authority certifies names of Azure's domain, or addresses.
    ...(settings.certificate.kind === "acme"
      ? []
      : [...(assigned.fqdn === undefined ? [] : [assigned.fqdn]), advertisedAddress]),
  ];
  return { settings, advertisedAddress, certificateNames: [...new Set(names)] };
}

/** The `deployment` file of the machine. `probePasswordHash` is undefined when the probe is off. */
export function planDeployment(
  deployed: Deployed,
  probePasswordHash: string | undefined,
): Deployment {
  return {
    advertisedAddress: deployed.advertisedAddress,
    certificateNames: [...deployed.certificateNames],
    accounts:
      probePasswordHash === undefined
        ? []
        : [planProbeAccount(deployed.settings, probePasswordHash)],
  };
}
