/** The machine's subnet: made with its network, made in a given network, or given. */
import { NetworkSecurityGroup } from "@pulumi/azure-native/network/networkSecurityGroup.js";
import { Subnet } from "@pulumi/azure-native/network/subnet.js";
import { VirtualNetwork } from "@pulumi/azure-native/network/virtualNetwork.js";
import * as pulumi from "@pulumi/pulumi";
import { BASTION_SUBNET, planIdleTimeouts } from "#contract";
import type { NetworkExposure } from "../plan/exposure.ts";
import { planSubnet } from "../plan/given-network.ts";
import type { SecurityRule } from "../plan/security-rules.ts";
import type { StackContext } from "./stack-context.ts";

export interface StackSubnet {
  readonly id: pulumi.Output<string>;
  /** Id of the network that it lies in. */
  readonly virtualNetworkId: pulumi.Output<string>;
  readonly virtualNetwork: VirtualNetwork | undefined;
  readonly securityGroup: NetworkSecurityGroup | undefined;
  /** What the stack made. */
  readonly resources: readonly pulumi.Resource[];
  readonly declared: Pick<NetworkExposure, "subnetNsg" | "virtualNetwork">;
}

export function createSubnet(context: StackContext, securityRules: SecurityRule[]): StackSubnet {
  const { settings, names, base, tags, location, resourceGroupName, named, parent } = context;
  const plan = planSubnet(settings);
  if (plan.kind === "given") {
    const id = pulumi.output(plan.id);
    const virtualNetworkId = id.apply((text) => text.replace(/\/subnets\/[^/]+$/i, ""));
    const made = { virtualNetwork: undefined, securityGroup: undefined, resources: [] };
    return { id, virtualNetworkId, ...made, declared: {} };
  }
  const securityGroup = new NetworkSecurityGroup(
    named("subnet-nsg"),
    {
      resourceGroupName,
      location,
      tags,
      networkSecurityGroupName: names.subnetNsg,
      securityRules,
    },
    { parent },
  );
  const properties = {
    addressPrefix: settings.network.subnetCidr,
    networkSecurityGroup: { id: securityGroup.id },
    // Private: the only way out is the machine's own public address.
    defaultOutboundAccess: false,
  };
  if (plan.kind === "ownSubnet") {
    const { resourceGroup, names: path } = plan.virtualNetwork;
    const subnet = new Subnet(
      named("subnet"),
      {
        ...properties,
        resourceGroupName: resourceGroup,
        virtualNetworkName: path[0] ?? "",
        subnetName: `${base}-${names.subnet}`,
      },
      { parent },
    );
    return {
      id: subnet.id,
      virtualNetworkId: pulumi.output(plan.id),
      virtualNetwork: undefined,
      securityGroup,
      resources: [securityGroup, subnet],
      declared: { subnetNsg: { securityRules } },
    };
  }
  const flowTimeoutInMinutes =
    planIdleTimeouts(settings.idleTimeoutMinutes).virtualNetworkSeconds / 60;
  const { bastion, network } = settings;
  const virtualNetwork = new VirtualNetwork(
    named("network"),
    {
      resourceGroupName,
      location,
      tags,
      virtualNetworkName: names.virtualNetwork,
      addressSpace: { addressPrefixes: [network.virtualNetworkCidr] },
      flowTimeoutInMinutes,
      // Inline, like the rules: a network that is written without its subnets loses them.
      subnets: [
        { name: names.subnet, ...properties },
        ...(bastion.mode === "off"
          ? []
          : [{ name: BASTION_SUBNET, addressPrefix: bastion.subnetCidr }]),
      ],
    },
    { parent },
  );
  return {
    // The subnet's id follows from the network's, and so stays known while that one changes.
    id: pulumi.interpolate`${virtualNetwork.id}/subnets/${names.subnet}`,
    virtualNetworkId: virtualNetwork.id,
    virtualNetwork,
    securityGroup,
    resources: [virtualNetwork, securityGroup],
    declared: { subnetNsg: { securityRules }, virtualNetwork: { flowTimeoutInMinutes } },
  };
}
