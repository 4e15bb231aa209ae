/** Network, security groups and public address: the way in. */
import type * as pulumi from "@pulumi/pulumi";
import { NetworkInterface } from "@pulumi/azure-native/network/networkInterface.js";
import { NetworkSecurityGroup } from "@pulumi/azure-native/network/networkSecurityGroup.js";
import { PublicIPAddress } from "@pulumi/azure-native/network/publicIPAddress.js";
import { VirtualNetwork } from "@pulumi/azure-native/network/virtualNetwork.js";
import { interpolate } from "@pulumi/pulumi";
import { planIdleTimeouts } from "#contract";
import { planAccess } from "../plan/access.ts";
import type { NetworkExposure } from "../plan/exposure.ts";
import { planDnsLabel } from "../plan/names.ts";
import { planSecurityRules } from "../plan/security-rules.ts";
import { protectedInProduction, type StackContext } from "./stack-context.ts";

export interface StackNetwork {
  readonly virtualNetwork: VirtualNetwork;
  readonly subnetNsg: NetworkSecurityGroup;
  readonly nicNsg: NetworkSecurityGroup;
  readonly publicIpAddress: PublicIPAddress;
  readonly networkInterface: NetworkInterface;
  /** Everything that packets pass. */
  readonly resources: readonly pulumi.Resource[];
  /** The same as declared: what previews know. */
  readonly declared: NetworkExposure;
}

/** @param resourceGroupId makes the DNS label unique in its region. */
export function createNetwork(
  context: StackContext,
  resourceGroupId: pulumi.Output<string>,
): StackNetwork {
  const { settings, names, base, tags, location, resourceGroupName, parent } = context;
  const { network, machine, dnsLabel } = settings;
  const common = { resourceGroupName, location, tags };
  const timeouts = planIdleTimeouts(settings.idleTimeoutMinutes);
  const flowTimeoutInMinutes = timeouts.virtualNetworkSeconds / 60;
  const idleTimeoutInMinutes = timeouts.publicIpSeconds / 60;

  // The same rules on both, and all of them inline: rules of their own would be undone here.
  const access = planAccess(settings);
  const subnetRules = planSecurityRules(access);
  const nicRules = planSecurityRules(access);
  const subnetNsg = new NetworkSecurityGroup(
    "subnet-nsg",
    { ...common, networkSecurityGroupName: names.subnetNsg, securityRules: subnetRules },
    { parent },
  );
  const nicNsg = new NetworkSecurityGroup(
    "nic-nsg",
    { ...common, networkSecurityGroupName: names.nicNsg, securityRules: nicRules },
    { parent },
  );

  const virtualNetwork = new VirtualNetwork(
    "network",
    {
      ...common,
      virtualNetworkName: names.virtualNetwork,
      addressSpace: { addressPrefixes: [network.virtualNetworkCidr] },
      flowTimeoutInMinutes,
      // Inline, like the rules: a network that is written without its subnets loses them.
      subnets: [
        {
          name: names.subnet,
          addressPrefix: network.subnetCidr,
          networkSecurityGroup: { id: subnetNsg.id },
          // Private: the only way out is the machine's own public address.
          defaultOutboundAccess: false,
        },
      ],
    },
    { parent },
  );

  const publicIpAddress = new PublicIPAddress(
    "address",
    {
      ...common,
      publicIpAddressName: names.publicIpAddress,
      sku: { name: "Standard", tier: "Regional" },
      publicIPAllocationMethod: "Static",
      publicIPAddressVersion: "IPv4",
      zones: [machine.zone],
      idleTimeoutInMinutes,
      dnsSettings: {
        domainNameLabel:
          dnsLabel === "" ? resourceGroupId.apply((id) => planDnsLabel(base, id)) : dnsLabel,
      },
    },
    protectedInProduction(context),
  );

  const networkInterface = new NetworkInterface(
    "nic",
    {
      ...common,
      networkInterfaceName: names.networkInterface,
      networkSecurityGroup: { id: nicNsg.id },
      ipConfigurations: [
        {
          name: "primary",
          primary: true,
          privateIPAllocationMethod: "Dynamic",
          // The subnet's id follows from the network's, and so stays known while that one changes.
          subnet: { id: interpolate`${virtualNetwork.id}/subnets/${names.subnet}` },
          publicIPAddress: { id: publicIpAddress.id },
        },
      ],
    },
    { parent },
  );
  const resources = { virtualNetwork, subnetNsg, nicNsg, publicIpAddress, networkInterface };
  return {
    ...resources,
    resources: Object.values(resources),
    declared: {
      subnetNsg: { securityRules: subnetRules },
      nicNsg: { securityRules: nicRules },
      virtualNetwork: { flowTimeoutInMinutes },
      publicIpAddress: { idleTimeoutInMinutes },
    },
  };
}
