/** Settings that production accepts, with everything that it demands and nothing else. */
import type { SettingsInput } from "#contract";

export const PRODUCTION = {
  environment: "prod",
  clientCidrs: ["198.51.100.0/24"],
  certificate: {
    keyVaultSecretId: "https://example.vault.azure.net/secrets/ftp",
    keyVaultResourceId:
      "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shared/providers/Microsoft.KeyVault/vaults/example",
  },
  machine: { image: "Canonical:ubuntu-24_04-lts:server:24.04.202508260" },
  monitoring: { emailAddresses: ["operations@example.com"] },
} as const satisfies SettingsInput;
