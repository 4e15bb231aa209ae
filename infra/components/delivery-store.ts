/** The private container from which the machine fetches what is delivered. */
import { join } from "node:path";
import { Blob } from "@pulumi/azure-native/storage/blob.js";
import { BlobContainer } from "@pulumi/azure-native/storage/blobContainer.js";
import { StorageAccount } from "@pulumi/azure-native/storage/storageAccount.js";
import type { UserAssignedIdentity } from "@pulumi/azure-native/managedidentity/userAssignedIdentity.js";
import * as pulumi from "@pulumi/pulumi";
import type { SettingsBlob } from "../plan/machine-settings.ts";
import { planStorageAccountName } from "../plan/names.ts";
import type { Bundle, Bundled } from "./bundle.ts";
import { REPOSITORY } from "./gangway-command.ts";
import { assignRole } from "./role.ts";
import type { StackContext } from "./stack-context.ts";

/** A blob that is named by its content. */
export interface DeliveredBlob {
  readonly url: pulumi.Output<string>;
  readonly sha256: pulumi.Output<string>;
}

export interface DeliveryStore {
  readonly server: DeliveredBlob;
  readonly runtime: DeliveredBlob;
  readonly settings: DeliveredBlob;
  /** What must exist before the machine reads. */
  readonly access: readonly pulumi.Resource[];
}

export function createDeliveryStore(
  context: StackContext,
  identity: UserAssignedIdentity,
  bundle: pulumi.Output<Bundle>,
  settings: SettingsBlob,
): DeliveryStore {
  const { base, names, tags, location, resourceGroupName, named, parent } = context;
  const account = new StorageAccount(
    named("storage"),
    {
      resourceGroupName,
      location,
      tags,
      accountName: identity.clientId.apply((id) => planStorageAccountName(base, id)),
      kind: "StorageV2",
      sku: { name: "Standard_LRS" },
      minimumTlsVersion: "TLS1_2",
      enableHttpsTrafficOnly: true,
      allowBlobPublicAccess: false,
      allowCrossTenantReplication: false,
      // The provider uploads with the account's key (azure-native #2015); the machine never does.
      allowSharedKeyAccess: true,
    },
    { parent },
  );
  const endpoint = account.primaryEndpoints.apply(({ blob }) => blob);
  const container = new BlobContainer(
    named("delivery"),
    {
      resourceGroupName,
      accountName: account.name,
      containerName: names.container,
      publicAccess: "None",
    },
    { parent },
  );
  const upload = (
    logicalName: string,
    blobName: pulumi.Input<string>,
    sha256: pulumi.Output<string>,
    source: pulumi.Input<pulumi.asset.Asset>,
  ) => {
    const blob = new Blob(
      named(logicalName),
      {
        resourceGroupName,
        accountName: account.name,
        containerName: container.name,
        blobName,
        type: "Block",
        source,
      },
      // Not retained when replaced: the provider refuses to create a blob that is there already, so
      // going back to earlier settings or code would fail. The machine keeps its own copies.
      { parent },
    );
    // Put together here rather than read from the blob, whose own is unknown until it exists: so a
    // preview says what the machine will be told.
    const url = pulumi.interpolate`${endpoint}${names.container}/${blobName}`;
    return { blob, delivered: { url, sha256 } };
  };
  const uploadArchive = (name: string, archive: pulumi.Output<Bundled>) =>
    upload(
      name,
      archive.apply(({ sha256 }) => `${name}-${sha256}.tar.zst`),
      archive.apply(({ sha256 }) => sha256),
      archive.apply(({ path }) => new pulumi.asset.FileAsset(join(REPOSITORY, path))),
    );
  const server = uploadArchive(
    "server",
    bundle.apply((built) => built.server),
  );
  const runtime = uploadArchive(
    "runtime",
    bundle.apply((built) => built.runtime),
  );
  // The hash is plain and so can be part of the logical name: new settings are a blob more and a
  // blob less, never a replacement that takes others along.
  const settingsBlob = upload(
    `settings-${settings.sha256.slice(0, 12)}`,
    `settings-${settings.sha256}.json`,
    pulumi.output(settings.sha256),
    // It holds the accounts' password hashes.
    pulumi.secret(new pulumi.asset.StringAsset(settings.text)),
  );
  return {
    server: server.delivered,
    runtime: runtime.delivered,
    settings: settingsBlob.delivered,
    access: [
      server.blob,
      runtime.blob,
      settingsBlob.blob,
      assignRole(context, "read-delivery", identity, "storageBlobDataReader", container.id),
    ],
  };
}
