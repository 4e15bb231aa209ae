/** A small landscape in the simulated cloud, and declarations that fit into it. */
import { Cloud, resourceTypeOf } from "../../../lab/cloud/cloud.ts";
import type { CloudEffects } from "../../../lab/cloud/effects.ts";
import { ArmError, NotSimulated } from "../../../lab/cloud/errors.ts";
import { LAB_SUBSCRIPTION, LAB_TENANT } from "../../../lab/cloud/identifiers.ts";
import type { CloudResource } from "../../../lab/cloud/state.ts";
import type { Properties } from "../../../lab/cloud/values.ts";

export const GROUP = `/subscriptions/${LAB_SUBSCRIPTION}/resourceGroups/rg`;
export const SUBNET_ID = `${GROUP}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/machines`;
const common = { resourceGroupName: "rg", location: "westeurope" };

/** Ids by the names that the scene gives. */
export const idOf = (provider: string, name: string): string =>
  `${GROUP}/providers/${provider}/${name}`;

/** Complete declarations, by the last part of the type's token. */
export const DECLARATIONS = {
  ResourceGroup: { resourceGroupName: "rg", location: "westeurope" },
  NetworkSecurityGroup: {
    ...common,
    networkSecurityGroupName: "nsg",
    securityRules: [
      {
        name: "control",
        access: "Allow",
        direction: "Inbound",
        protocol: "Tcp",
        priority: 100,
        sourceAddressPrefix: "*",
        sourcePortRange: "*",
        destinationAddressPrefix: "*",
        destinationPortRange: "21",
      },
    ],
  },
  VirtualNetwork: {
    ...common,
    virtualNetworkName: "vnet",
    addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
    subnets: [
      {
        name: "machines",
        addressPrefix: "10.0.1.0/24",
        networkSecurityGroup: { id: idOf("Microsoft.Network/networkSecurityGroups", "nsg") },
      },
    ],
  },
  PublicIPAddress: {
    ...common,
    publicIpAddressName: "address",
    sku: { name: "Standard" },
    publicIPAllocationMethod: "Static",
    zones: ["1"],
    dnsSettings: { domainNameLabel: "files" },
  },
  NetworkInterface: {
    ...common,
    networkInterfaceName: "nic",
    networkSecurityGroup: { id: idOf("Microsoft.Network/networkSecurityGroups", "nsg") },
    ipConfigurations: [
      {
        name: "primary",
        subnet: { id: SUBNET_ID },
        publicIPAddress: { id: idOf("Microsoft.Network/publicIPAddresses", "address") },
      },
    ],
  },
  UserAssignedIdentity: { ...common, resourceName: "identity" },
  Disk: {
    ...common,
    diskName: "data",
    zones: ["1"],
    creationData: { createOption: "Empty" },
    diskSizeGB: 64,
  },
  VirtualMachine: {
    ...common,
    vmName: "vm",
    zones: ["1"],
    hardwareProfile: { vmSize: "Standard_B2s" },
    identity: {
      type: "UserAssigned",
      userAssignedIdentities: [
        idOf("Microsoft.ManagedIdentity/userAssignedIdentities", "identity"),
      ],
    },
    networkProfile: {
      networkInterfaces: [{ id: idOf("Microsoft.Network/networkInterfaces", "nic") }],
    },
    osProfile: {
      computerName: "vm",
      adminUsername: "operator",
      customData: Buffer.from("#cloud-config\n").toString("base64"),
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: {
          publicKeys: [
            {
              path: "/home/operator/.ssh/authorized_keys",
              keyData: "ssh-ed25519 AAAAC3NzaC1lZDI1",
            },
          ],
        },
      },
    },
    storageProfile: {
      imageReference: {
        publisher: "Canonical",
        offer: "ubuntu-24_04-lts",
        sku: "server",
        version: "latest",
      },
      osDisk: { name: "vm-os", createOption: "FromImage", deleteOption: "Delete" },
      dataDisks: [
        {
          lun: 0,
          createOption: "Attach",
          managedDisk: { id: idOf("Microsoft.Compute/disks", "data") },
        },
      ],
    },
  },
  VirtualMachineRunCommandByVirtualMachine: {
    ...common,
    vmName: "vm",
    runCommandName: "deliver",
    source: { script: "echo delivered" },
    parameters: [{ name: "url", value: "https://example.invalid/" }],
    protectedParameters: [{ name: "token", value: "hidden" }],
    treatFailureAsDeploymentFailure: true,
  },
  StorageAccount: {
    ...common,
    accountName: "files1",
    kind: "StorageV2",
    sku: { name: "Standard_LRS" },
  },
  BlobContainer: { resourceGroupName: "rg", accountName: "files1", containerName: "releases" },
  Blob: {
    resourceGroupName: "rg",
    accountName: "files1",
    containerName: "releases",
    blobName: "release.txt",
    source: { asset: { hash: "5".repeat(64), text: "content" } },
  },
  Vault: {
    ...common,
    vaultName: "vault-1",
    properties: { tenantId: LAB_TENANT, sku: { family: "A", name: "standard" } },
  },
  Secret: {
    resourceGroupName: "rg",
    vaultName: "vault-1",
    secretName: "certificate",
    properties: { value: "pem" },
  },
} as const satisfies Readonly<Record<string, Properties>>;

export type Declared = keyof typeof DECLARATIONS;

const TOKENS: Readonly<Record<Declared, string>> = {
  ResourceGroup: "azure-native:resources:ResourceGroup",
  NetworkSecurityGroup: "azure-native:network:NetworkSecurityGroup",
  VirtualNetwork: "azure-native:network:VirtualNetwork",
  PublicIPAddress: "azure-native:network:PublicIPAddress",
  NetworkInterface: "azure-native:network:NetworkInterface",
  UserAssignedIdentity: "azure-native:managedidentity:UserAssignedIdentity",
  Disk: "azure-native:compute:Disk",
  VirtualMachine: "azure-native:compute:VirtualMachine",
  VirtualMachineRunCommandByVirtualMachine:
    "azure-native:compute:VirtualMachineRunCommandByVirtualMachine",
  StorageAccount: "azure-native:storage:StorageAccount",
  BlobContainer: "azure-native:storage:BlobContainer",
  Blob: "azure-native:storage:Blob",
  Vault: "azure-native:keyvault:Vault",
  Secret: "azure-native:keyvault:Secret",
};

const NAMES = Object.keys(DECLARATIONS) as readonly Declared[];

/** Creates one resource of the scene, with changes on top of its declaration. */
export function create(
  cloud: Cloud,
  name: Declared | "Subnet" | "RoleAssignment",
  changes: Properties = {},
) {
  return put(cloud, "create", name, changes);
}

/** Writes one resource of the scene again, with changes on top of its declaration. */
export function update(cloud: Cloud, name: Declared, changes: Properties = {}) {
  return put(cloud, "update", name, changes);
}

function put(
  cloud: Cloud,
  operation: "create" | "update",
  name: Declared | "Subnet" | "RoleAssignment",
  changes: Properties,
): Promise<CloudResource> {
  const token =
    name === "Subnet"
      ? "azure-native:network:Subnet"
      : name === "RoleAssignment"
        ? "azure-native:authorization:RoleAssignment"
        : TOKENS[name];
  const declared = name === "Subnet" || name === "RoleAssignment" ? {} : DECLARATIONS[name];
  const inputs = { ...declared, ...changes };
  return cloud[operation]({ type: resourceTypeOf(token), inputs, secrets: [] });
}

/** A cloud in which everything up to (and without) the named resource exists. */
export async function sceneUpTo(
  name: Declared,
  options: { readonly folder?: string; readonly effects?: CloudEffects } = {},
): Promise<Cloud> {
  const cloud = new Cloud(options);
  for (const each of NAMES.slice(0, NAMES.indexOf(name))) await create(cloud, each);
  return cloud;
}

/** A cloud with the whole scene. */
export async function wholeScene(
  options: { readonly folder?: string; readonly effects?: CloudEffects } = {},
): Promise<Cloud> {
  const cloud = await sceneUpTo("Secret", options);
  await create(cloud, "Secret");
  return cloud;
}

/** Code of the error that a request ends with; `NotSimulated` with its property. */
export async function refusal(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "accepted";
  } catch (error) {
    if (error instanceof ArmError) return error.code;
    if (error instanceof NotSimulated) return `NotSimulated ${error.property ?? error.type}`;
    throw error;
  }
}
