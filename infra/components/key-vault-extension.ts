/** Azure's own agent for certificates of kind keyVault: it looks for new versions. */
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import type * as pulumi from "@pulumi/pulumi";
import { planKeyVaultExtension } from "../plan/certificates.ts";
import { installExtension } from "./extension.ts";
import type { StackMachine } from "./machine.ts";
import type { StackContext } from "./stack-context.ts";

/**
 * Installs the extension where there is a certificate to keep current.
 *
 * @param after what has to be done with the machine before; Azure changes one thing at a time.
 * @returns the extension, for whatever comes after it.
 */
export function createKeyVaultExtension(
  context: StackContext,
  machine: StackMachine,
  identity: UserAssignedIdentity,
  after: readonly pulumi.Resource[],
): readonly pulumi.Resource[] {
  const { settings } = context;
  if (planKeyVaultExtension(settings, "") === undefined) return [];
  return [
    installExtension(
      context,
      machine,
      "key-vault-agent",
      {
        publisher: "Microsoft.Azure.KeyVault",
        type: "KeyVaultForLinux",
        // From 4.0 on it writes chain and key into two files, and knows no links of our naming.
        typeHandlerVersion: "3.0",
        settings: identity.clientId.apply((clientId) => planKeyVaultExtension(settings, clientId)),
      },
      after,
    ),
  ];
}
