/** The Run Command: brings bundle, settings and certificates onto the machine, without a port. */
import { VirtualMachineRunCommandByVirtualMachine } from "@pulumi/azure-native/compute/virtualMachineRunCommandByVirtualMachine.js";
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import * as pulumi from "@pulumi/pulumi";
import {
  planDeliverySeconds,
  planDeployment,
  type DeliveryParameters,
  type Deployed,
} from "#contract";
import { renderBootstrapScript } from "../machine/bootstrap-script.ts";
import { LAYOUT } from "../machine/layout.ts";
import { canonicalJson } from "../plan/canonical.ts";
import { hashDelivery, planRunCommandParameters } from "../plan/delivery.ts";
import type { StackCertificates } from "./certificates.ts";
import type { DeliveryStore } from "./delivery-store.ts";
import type { StackMachine } from "./machine.ts";
import type { StackContext } from "./stack-context.ts";

export interface Delivery {
  readonly runCommand: VirtualMachineRunCommandByVirtualMachine;
  /** Hash of everything delivered. */
  readonly contentHash: pulumi.Output<string>;
}

export function createDelivery(
  { settings, names, tags, location, resourceGroupName, named, parent }: StackContext,
  parts: {
    readonly machine: StackMachine;
    readonly identity: UserAssignedIdentity;
    readonly store: DeliveryStore;
    readonly certificates: StackCertificates;
    readonly deployed: pulumi.Output<Deployed>;
    readonly probePasswordHash: pulumi.Output<string> | undefined;
  },
): Delivery {
  const { machine, identity, store, certificates, deployed, probePasswordHash } = parts;
  const parameters: pulumi.Output<DeliveryParameters> = pulumi.output({
    serverUrl: store.server.url,
    serverSha256: store.server.sha256,
    runtimeUrl: store.runtime.url,
    runtimeSha256: store.runtime.sha256,
    settingsUrl: store.settings.url,
    settingsSha256: store.settings.sha256,
    certificates: certificates.agent.apply((agent) => canonicalJson(agent)),
    identityClientId: identity.clientId,
    deploymentSecret: pulumi
      .all([deployed, pulumi.output<string | undefined>(probePasswordHash)])
      .apply(([known, hash]) => JSON.stringify(planDeployment(known, hash))),
  });
  const planned = parameters.apply(planRunCommandParameters);
  // A hash tells nothing of what it was made from, so it need not be secret.
  const contentHash = pulumi.unsecret(parameters.apply(hashDelivery));
  const runCommand = new VirtualMachineRunCommandByVirtualMachine(
    named("delivery"),
    {
      resourceGroupName,
      location,
      tags,
      vmName: machine.virtualMachine.name,
      runCommandName: names.runCommand,
      source: { script: contentHash.apply((hash) => renderBootstrapScript(hash, LAYOUT)) },
      parameters: pulumi.unsecret(planned.apply((plan) => [...plan.parameters])),
      protectedParameters: pulumi.secret(planned.apply((plan) => [...plan.protectedParameters])),
      asyncExecution: false,
      timeoutInSeconds: planDeliverySeconds(settings.machine.drainMinutes),
      treatFailureAsDeploymentFailure: true,
    },
    { parent, dependsOn: [...store.access, ...certificates.access] },
  );
  return { runCommand, contentHash };
}
