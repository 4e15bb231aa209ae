/** Every simulated resource type. */
import type { ResourceType } from "../resource-type.ts";
import { actionGroup, metricAlert, scheduledQueryRule } from "./alerts.ts";
import { backupInstance, backupPolicy, backupVault } from "./backup.ts";
import { bastionHost } from "./bastion-host.ts";
import { blobContainer } from "./blob-container.ts";
import { blob } from "./blob.ts";
import { dataCollectionRule, dataCollectionRuleAssociation } from "./data-collection-rule.ts";
import { disk } from "./disk.ts";
import { dnsZone, recordSet } from "./dns.ts";
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
import { virtualMachineExtension } from "./virtual-machine-extension.ts";
import { virtualMachine } from "./virtual-machine.ts";
import { virtualNetwork } from "./virtual-network.ts";
import { workspace } from "./workspace.ts";

/** All types, ordered by service. */
export const RESOURCE_TYPES: readonly ResourceType[] = [
  roleAssignment,
  disk,
  virtualMachine,
  virtualMachineExtension,
  runCommand,
  backupInstance,
  backupPolicy,
  backupVault,
  recordSet,
  dnsZone,
  secret,
  vault,
  userAssignedIdentity,
  actionGroup,
  dataCollectionRule,
  dataCollectionRuleAssociation,
  metricAlert,
  scheduledQueryRule,
  bastionHost,
  networkInterface,
  networkSecurityGroup,
  publicIpAddress,
  subnet,
  virtualNetwork,
  workspace,
  resourceGroup,
  blob,
  blobContainer,
  storageAccount,
];
