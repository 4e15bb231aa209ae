/** The administrators' key on the machine, for logins through Bastion. */
import * as pulumi from "@pulumi/pulumi";
import type { Delivery } from "./delivery.ts";
import { installExtension } from "./extension.ts";
import type { StackMachine } from "./machine.ts";
import type { StackContext } from "./stack-context.ts";

/** An extension, because Azure replaces a machine whose own key changes. */
export function admitAdministrators(
  context: StackContext,
  stackMachine: StackMachine,
  { runCommand }: Delivery,
): void {
  const { bastion, machine } = context.settings;
  if (bastion.mode === "off") return;
  installExtension(
    context,
    stackMachine,
    "administrators",
    {
      publisher: "Microsoft.OSTCExtensions",
      type: "VMAccessForLinux",
      typeHandlerVersion: "1.5",
      // The extension takes the key only here, public though it is.
      protectedSettings: pulumi.secret({
        username: machine.adminUser,
        ssh_key: bastion.sshPublicKey,
      }),
    },
    [runCommand],
  );
}
