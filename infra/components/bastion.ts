/** Azure Bastion: the only way to a shell besides Run Command, when the settings ask for it. */
import { BastionHost } from "@pulumi/azure-native/network/bastionHost.js";
import { PublicIPAddress } from "@pulumi/azure-native/network/publicIPAddress.js";
import { Subnet } from "@pulumi/azure-native/network/subnet.js";
import * as pulumi from "@pulumi/pulumi";
import { BASTION_SUBNET } from "#contract";
import { planSubnet } from "../plan/given-network.ts";
import type { StackContext } from "./stack-context.ts";
import type { StackSubnet } from "./subnet.ts";

/** Azure's names of the kinds. */
const SKUS = { basic: "Basic", standard: "Standard" } as const;

export function createBastion(context: StackContext, { virtualNetworkId }: StackSubnet): void {
  const { settings, names, tags, location, resourceGroupName, named, parent } = context;
  const { mode, subnetCidr } = settings.bastion;
  if (mode === "off") return;
  const plan = planSubnet(settings);
  // In a network of the stack, the subnet is declared inline with the network.
  const subnets =
    plan.kind === "ownSubnet"
      ? [
          new Subnet(
            named("bastion-subnet"),
            {
              resourceGroupName: plan.virtualNetwork.resourceGroup,
              virtualNetworkName: plan.virtualNetwork.names[0] ?? "",
              subnetName: BASTION_SUBNET,
              addressPrefix: subnetCidr,
            },
            { parent },
          ),
        ]
      : [];
  const common = { resourceGroupName, location, tags };
  const address = new PublicIPAddress(
    named("bastion-address"),
    {
      ...common,
      publicIpAddressName: names.bastionAddress,
      sku: { name: "Standard", tier: "Regional" },
      publicIPAllocationMethod: "Static",
      publicIPAddressVersion: "IPv4",
      zones: [settings.machine.zone],
    },
    { parent },
  );
  new BastionHost(
    named("bastion"),
    {
      ...common,
      bastionHostName: names.bastion,
      sku: { name: SKUS[mode] },
      // Native clients, `az network bastion ssh`, need the larger kind.
      ...(mode === "standard" ? { enableTunneling: true } : {}),
      ipConfigurations: [
        {
          name: "primary",
          subnet: { id: pulumi.interpolate`${virtualNetworkId}/subnets/${BASTION_SUBNET}` },
          publicIPAddress: { id: address.id },
        },
      ],
    },
    { parent, dependsOn: subnets },
  );
}
