/** Extensions: agents that Azure installs on the machine. */
import {
  VirtualMachineExtension,
  type VirtualMachineExtensionArgs,
} from "@pulumi/azure-native/compute/virtualMachineExtension.js";
import type * as pulumi from "@pulumi/pulumi";
import type { StackMachine } from "./machine.ts";
import type { StackContext } from "./stack-context.ts";

/** What tells one extension from another. */
export interface Extension extends Pick<
  VirtualMachineExtensionArgs,
  "enableAutomaticUpgrade" | "settings" | "protectedSettings"
> {
  readonly publisher: string;
  /** In Azure, the extension's name as well. */
  readonly type: string;
  /** `major.minor`; Azure installs the newest minor version from there. */
  readonly typeHandlerVersion: string;
}

/** @param after what has to be done with the machine before: Azure changes one thing at a time. */
export function installExtension(
  { tags, location, resourceGroupName, named, parent }: StackContext,
  { virtualMachine }: StackMachine,
  logicalName: string,
  extension: Extension,
  after: readonly pulumi.Resource[],
): VirtualMachineExtension {
  return new VirtualMachineExtension(
    named(logicalName),
    {
      resourceGroupName,
      location,
      tags,
      vmName: virtualMachine.name,
      vmExtensionName: extension.type,
      autoUpgradeMinorVersion: true,
      ...extension,
    },
    { parent, dependsOn: [...after] },
  );
}
