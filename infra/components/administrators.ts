/** The administrators' key on the machine, for logins through Bastion. */
import { VirtualMachineExtension } from "@pulumi/azure-native/compute/virtualMachineExtension.js";
import * as pulumi from "@pulumi/pulumi";
import type { Delivery } from "./delivery.ts";
import type { StackMachine } from "./machine.ts";
import type { StackContext } from "./stack-context.ts";

/** An extension, because Azure replaces a machine whose own key changes. */
export function admitAdministrators(
  { settings, tags, location, resourceGroupName, named, parent }: StackContext,
  { virtualMachine }: StackMachine,
  { runCommand }: Delivery,
): void {
  const { bastion, machine } = settings;
  if (bastion.mode === "off") return;
  new VirtualMachineExtension(
    named("administrators"),
    {
      resourceGroupName,
      location,
      tags,
      vmName: virtualMachine.name,
      vmExtensionName: "VMAccessForLinux",
      publisher: "Microsoft.OSTCExtensions",
      type: "VMAccessForLinux",
      typeHandlerVersion: "1.5",
      autoUpgradeMinorVersion: true,
      // The extension takes the key only here, public though it is.
      protectedSettings: pulumi.secret({
        username: machine.adminUser,
        ssh_key: bastion.sshPublicKey,
      }),
    },
    { parent, dependsOn: [runCommand] },
  );
}
