/** Every simulated resource type. */
import type { ResourceType } from "../resource-type.ts";
import { blobContainer } from "./blob-container.ts";
import { blob } from "./blob.ts";
import { disk } from "./disk.ts";
import { networkInterface } from "./network-interface.ts";
import { networkSecurityGroup } from "./network-security-group.ts";
import { publicIpAddress } from "./public-ip-address.ts";
import { resourceGroup } from "./resource-group.ts";
import { roleAssignment } from "./role-assignment.ts";
import { runCommand } from "./run-command.ts";
import { secret } from "./secret.ts";
import { storageAccount } from "./storage-account.ts";
import { subnet } from "./subnet.ts";
import { userAssignedIdentity } from "./user-assigned-identity.ts";
import { vault } from "./vault.ts";
import { virtualMachine } from "./virtual-machine.ts";
import { virtualNetwork } from "./virtual-network.ts";

/** All types, ordered by service. */
export const RESOURCE_TYPES: readonly ResourceType[] = [
  roleAssignment,
  disk,
  virtualMachine,
  runCommand,
  secret,
  vault,
  userAssignedIdentity,
  networkInterface,
  networkSecurityGroup,
  publicIpAddress,
  subnet,
  virtualNetwork,
  resourceGroup,
  blob,
  blobContainer,
  storageAccount,
];
