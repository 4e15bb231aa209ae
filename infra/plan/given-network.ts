/** Where the machine's subnet is: in a network of the stack, in a given one, or given itself. */
import { parseResourceId, type ResourceId, type Settings } from "#contract";

/** State as a union: each kind leaves other things for the stack to make. */
export type SubnetPlan =
  | { readonly kind: "ownNetwork" }
  /** The network is given, and the stack makes a subnet with its security group in it. */
  | { readonly kind: "ownSubnet"; readonly virtualNetwork: ResourceId; readonly id: string }
  /** Network, subnet and its security group are given and left as they are. */
  | { readonly kind: "given"; readonly id: string };

/** Plans what the settings ask for; the contract has seen to it that the ids hold. */
export function planSubnet({ network }: Pick<Settings, "network">): SubnetPlan {
  if (network.subnetId !== "") return { kind: "given", id: network.subnetId };
  const virtualNetwork = parseResourceId(network.virtualNetworkId);
  return virtualNetwork === undefined
    ? { kind: "ownNetwork" }
    : { kind: "ownSubnet", virtualNetwork, id: network.virtualNetworkId };
}
