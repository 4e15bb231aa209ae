/**
 * Names of every resource, within Azure's limits for any project and stack name.
 *
 * Scheme: `PROJECT-STACK` in lower case is the base; everything inside the resource group is the
 * base and a noun. A base that had to be changed or shortened ends in six digits of its hash, so
 * that two stacks never meet in one name. Names that must be unique in a region or in the world
 * end in thirteen letters and digits derived from an id that Azure gave.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
 */
import { sha256 } from "./canonical.ts";

/** Names that are known in every preview. */
export interface Names {
  /** 1 to 90 characters. */
  readonly resourceGroup: string;
  /** 2 to 64. */
  readonly virtualNetwork: string;
  /** 1 to 80. */
  readonly subnet: string;
  readonly subnetNsg: string;
  readonly nicNsg: string;
  readonly publicIpAddress: string;
  readonly networkInterface: string;
  readonly osDisk: string;
  readonly dataDisk: string;
  /** 3 to 128. */
  readonly identity: string;
  /** 1 to 64, also the host name. */
  readonly virtualMachine: string;
  /** 3 to 63. */
  readonly container: string;
  /** 1 to 127. */
  readonly certificateSecret: string;
  /** 1 to 80. */
  readonly runCommand: string;
  readonly bastion: string;
  readonly bastionAddress: string;
  /** 4 to 63. */
  readonly workspace: string;
  /** 3 to 64. */
  readonly dataCollectionRule: string;
  /** 1 to 260. */
  readonly actionGroup: string;
  /** 2 to 50. */
  readonly backupVault: string;
  /** 3 to 150. */
  readonly backupPolicy: string;
  /** 1 to 90. */
  readonly snapshotGroup: string;
}

/** Long enough to tell stacks apart, short enough that base and noun fit the tightest limit. */
const LONGEST_BASE = 40;

/** The base of all names: starts with a letter, ends with a letter or digit. */
export function planBase(project: string, stack: string): string {
  // Whatever has a hyphen of its own could be read as another project with another stack.
  const separator = project.includes("-") ? "/" : "-";
  return shorten(`${project}${separator}${stack}`, LONGEST_BASE);
}

export function planNames(base: string): Names {
  return {
    resourceGroup: base,
    virtualNetwork: `${base}-network`,
    subnet: "machine",
    subnetNsg: `${base}-subnet-nsg`,
    nicNsg: `${base}-nic-nsg`,
    publicIpAddress: `${base}-address`,
    networkInterface: `${base}-nic`,
    osDisk: `${base}-os`,
    dataDisk: `${base}-data`,
    identity: `${base}-identity`,
    virtualMachine: base,
    container: "delivery",
    certificateSecret: "certificate",
    runCommand: "deliver",
    bastion: `${base}-bastion`,
    bastionAddress: `${base}-bastion-address`,
    workspace: `${base}-logs`,
    dataCollectionRule: `${base}-logs`,
    actionGroup: `${base}-alerts`,
    backupVault: `${base}-backup`,
    backupPolicy: "daily",
    // The underscore, which no base has, keeps it apart from the group of a stack of this name.
    snapshotGroup: `${base}_snapshots`,
  };
}

/**
 * Name of the storage account: 3 to 24 lower-case letters and digits, unique in the world.
 *
 * @param assigned an id that Azure made for this deployment and no other, such as the client id of
 *   its identity: a stack that is destroyed and made anew then never waits for a name that Azure
 *   still holds back.
 */
export function planStorageAccountName(base: string, assigned: string): string {
  return base.replaceAll("-", "").slice(0, 24 - UNIQUE_LENGTH) + uniqueSuffix(assigned);
}

/** Name of the key vault: 3 to 24 letters, digits and single hyphens, unique in the world. */
export function planVaultName(base: string, assigned: string): string {
  return `${base.slice(0, 24 - UNIQUE_LENGTH - 1).replace(/-+$/, "")}-${uniqueSuffix(assigned)}`;
}

/**
 * DNS label of the public address: 3 to 63 characters, unique in the region.
 *
 * @param resourceGroupId keeps the label while the stack keeps its name and subscription, because
 *   partners connect to it.
 */
export function planDnsLabel(base: string, resourceGroupId: string): string {
  return `${base}-${uniqueSuffix(resourceGroupId.toLowerCase())}`;
}

const UNIQUE_LENGTH = 13;

function uniqueSuffix(text: string): string {
  return BigInt(`0x${sha256(text)}`)
    .toString(36)
    .padStart(UNIQUE_LENGTH, "0")
    .slice(-UNIQUE_LENGTH);
}

const HASH_LENGTH = 6;

function shorten(text: string, longest: number): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "");
  if (plain === text && plain.length <= longest) return plain;
  const kept = plain.slice(0, longest - HASH_LENGTH - 1).replace(/-+$/, "") || "stack";
  return `${kept}-${sha256(text).slice(0, HASH_LENGTH)}`;
}
