/** Network, security groups and public address: the way in. */
import { NetworkInterface } from "@pulumi/azure-native/network/networkInterface.js";
import { NetworkSecurityGroup } from "@pulumi/azure-native/network/networkSecurityGroup.js";
import { PublicIPAddress } from "@pulumi/azure-native/network/publicIPAddress.js";
import type { VirtualNetwork } from "@pulumi/azure-native/network/virtualNetwork.js";
import type * as pulumi from "@pulumi/pulumi";
import { planIdleTimeouts } from "#contract";
import { planAccess } from "../plan/access.ts";
import type { NetworkExposure } from "../plan/exposure.ts";
import { planDnsLabel } from "../plan/names.ts";
import { planSecurityRules } from "../plan/security-rules.ts";
import { createBastion } from "./bastion.ts";
import { protectedInProduction, type StackContext } from "./stack-context.ts";
import { createSubnet } from "./subnet.ts";

export interface StackNetwork {
  /** Undefined where the network is given. */
  readonly virtualNetwork: VirtualNetwork | undefined;
  /** Undefined where the subnet is given: then its security group is its owner's. */
  readonly subnetNsg: NetworkSecurityGroup | undefined;
  readonly nicNsg: NetworkSecurityGroup;
  readonly publicIpAddress: PublicIPAddress;
  readonly networkInterface: NetworkInterface;
  /** Everything that packets pass. */
  readonly resources: readonly pulumi.Resource[];
  /** The same as declared: what previews know. */
  readonly declared: NetworkExposure;
}

export function createNetwork(context: StackContext): StackNetwork {
  const {
    settings,
    names,
    base,
    tags,
    location,
    resourceGroupId,
    resourceGroupName,
    named,
    parent,
  } = context;
  const { machine, dnsLabel } = settings;
  const common = { resourceGroupName, location, tags };
  const idleTimeoutInMinutes = planIdleTimeouts(settings.idleTimeoutMinutes).publicIpSeconds / 60;

  // The same rules on subnet and interface, and all of them inline: rules of their own would be
  // undone here.
  const securityRules = planSecurityRules(planAccess(settings));
  const subnet = createSubnet(context, securityRules);
  const nicNsg = new NetworkSecurityGroup(
    named("nic-nsg"),
    { ...common, networkSecurityGroupName: names.nicNsg, securityRules },
    { parent },
  );

  const publicIpAddress = new PublicIPAddress(
    named("address"),
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
          // Unique in its region.
          dnsLabel === "" ? resourceGroupId.apply((id) => planDnsLabel(base, id)) : dnsLabel,
      },
    },
    protectedInProduction(context),
  );

  const networkInterface = new NetworkInterface(
    named("nic"),
    {
      ...common,
      networkInterfaceName: names.networkInterface,
      networkSecurityGroup: { id: nicNsg.id },
      ipConfigurations: [
        {
          name: "primary",
          primary: true,
          privateIPAllocationMethod: "Dynamic",
          subnet: { id: subnet.id },
          publicIPAddress: { id: publicIpAddress.id },
        },
      ],
    },
    { parent, dependsOn: [...subnet.resources] },
  );
  createBastion(context, subnet);
  return {
    virtualNetwork: subnet.virtualNetwork,
    subnetNsg: subnet.securityGroup,
    nicNsg,
    publicIpAddress,
    networkInterface,
    resources: [...subnet.resources, nicNsg, publicIpAddress, networkInterface],
    declared: {
      ...subnet.declared,
      nicNsg: { securityRules },
      publicIpAddress: { idleTimeoutInMinutes },
    },
  };
}
