/**
 * What the stack tells the certificate agent of the machine: which certificates there are to be,
 * and where each comes from. It holds references to secrets, never a secret.
 */
import * as v from "valibot";
import { CERTIFICATE_KEY_TYPES } from "./certificates.ts";
import { METADATA_ADDRESS } from "./shared-names.ts";

const secretSourceSchema = v.strictObject({
  kind: v.literal("secret"),
  /** URI of a Key Vault secret with chain and key, as PEM or PKCS #12; with its version, or without. */
  secretId: v.string(),
  /** File that the Key Vault VM extension keeps current; it wins over the secret once it is there. */
  storeFile: v.optional(v.string()),
});

const challengeSchema = v.strictObject({
  /** Name that is certified, without `*.`. */
  hostName: v.string(),
  /** Full name of the TXT record that answers its challenge. */
  recordName: v.string(),
  /** Resource id of that record set. */
  recordSetId: v.string(),
});

const acmeSourceSchema = v.strictObject({
  kind: v.literal("acme"),
  hostNames: v.pipe(v.array(v.string()), v.minLength(1)),
  /** URI of the Key Vault certificate that it is stored as: `https://VAULT…/certificates/NAME`. */
  vaultCertificateId: v.string(),
  challenges: v.array(challengeSchema),
});

const accountSchema = v.strictObject({
  directoryUrl: v.string(),
  contactEmail: v.string(),
  keyType: v.picklist(CERTIFICATE_KEY_TYPES),
  /** URI of the secret with the account's private key as PEM. */
  accountKeySecretId: v.string(),
  /** Name of the zone that holds the challenge records. */
  zoneName: v.string(),
  externalAccount: v.optional(
    v.strictObject({
      keyId: v.string(),
      /** URI of the secret with the MAC key, base64url. */
      keySecretId: v.string(),
    }),
  ),
});

/** Where Azure's services answer; the public cloud unless set. */
const endpointsSchema = v.strictObject({
  metadata: v.optional(v.string(), `http://${METADATA_ADDRESS}`),
  management: v.optional(v.string(), "https://management.azure.com"),
  /** For what access tokens for vaults are asked. */
  vaultAudience: v.optional(v.string(), "https://vault.azure.net"),
  /** Addresses that are asked for DNS records, instead of the system's resolver and the zone's own servers. */
  nameServers: v.optional(v.array(v.string()), []),
});

export const certificateAgentSchema = v.strictObject({
  /** Client id of the machine's user-assigned identity. */
  identityClientId: v.string(),
  certificates: v.array(
    v.strictObject({
      /** Stem of the file name. */
      name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]*$/u)),
      source: v.variant("kind", [secretSourceSchema, acmeSourceSchema]),
    }),
  ),
  /** Account with the certificate authority; needed by sources of kind acme. */
  acme: v.optional(accountSchema),
  endpoints: v.optional(endpointsSchema, {}),
});

/** As the stack writes it. */
export type CertificateAgentFile = v.InferInput<typeof certificateAgentSchema>;
/** As the agent reads it: complete. */
export type CertificateAgentSettings = v.InferOutput<typeof certificateAgentSchema>;

/** Events of the agent's log that alerts ask for. */
export const CERTIFICATE_EVENTS = {
  /** No usable file, or renewal is due and failed. */
  failed: "certificateFailed",
  /** The file in force ends soon. */
  expiring: "certificateExpiring",
  /** The authority issued it. */
  renewed: "certificateRenewed",
  /** A new one came from the vault. */
  delivered: "certificateDelivered",
  /** A failure lies behind, and the next attempt ahead. */
  postponed: "certificatePostponed",
  /** End of each run. */
  checked: "certificatesChecked",
} as const;
