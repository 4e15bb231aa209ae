/** Names that parts which do not know each other have to agree on. */

/**
 * Azure's instance metadata service, the same address on every machine, and the version of its API
 * that gives tokens.
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */
export const METADATA_ADDRESS = "169.254.169.254";
export const METADATA_API_VERSION = "2018-02-01";

/** TXT records for an authority's challenges: the stack makes them, the machine fills them in. */
export const CHALLENGE_RECORD = {
  /** Before the name that is certified: where an authority looks (RFC 8555, 8.4). */
  label: "_acme-challenge",
  /** What stands in one while no challenge is open; Azure keeps no empty ones. */
  idleValue: "gangway",
  /** Short, so that a record of yesterday's attempt is soon forgotten. */
  ttlSeconds: 60,
} as const;

/** The subnet of Azure Bastion, which has to have this name, and the rule that lets it in. */
export const BASTION_SUBNET = "AzureBastionSubnet";
export const BASTION_RULE = "AllowBastionToSsh";

/** Environment variable with the probe's password: an argument would show in the process list. */
export const PROBE_PASSWORD_VARIABLE = "GANGWAY_PROBE_PASSWORD";
