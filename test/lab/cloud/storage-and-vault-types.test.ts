import { readFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callFunction } from "../../../lab/cloud/functions.ts";
import { LAB_TENANT } from "../../../lab/cloud/identifiers.ts";
import { sha256 } from "../../../lab/cloud/state.ts";
import type { Properties } from "../../../lab/cloud/values.ts";
import { create, DECLARATIONS, idOf, refusal, sceneUpTo, update, wholeScene } from "./scene.ts";

describe("storage accounts", () => {
  const withAccount = async (changes: Properties): Promise<string> =>
    refusal(create(await sceneUpTo("StorageAccount"), "StorageAccount", changes));

  it("answer with the URLs of their services", async () => {
    const { outputs } = await create(await sceneUpTo("StorageAccount"), "StorageAccount");
    expect(outputs["primaryEndpoints"]).toMatchObject({
      blob: "https://files1.blob.core.windows.net/",
    });
    expect(outputs["sku"]).toEqual({ name: "Standard_LRS", tier: "Standard" });
  });

  it.each([
    ["capitals", { accountName: "Files" }, "AccountNameInvalid"],
    ["a hyphen", { accountName: "my-files" }, "AccountNameInvalid"],
    ["two characters", { accountName: "ab" }, "AccountNameInvalid"],
    ["25 characters", { accountName: "a".repeat(25) }, "AccountNameInvalid"],
    ["24 characters", { accountName: "a".repeat(24) }, "accepted"],
    ["an unknown SKU", { sku: { name: "Cheap" } }, "InvalidRequestFormat"],
    ["a file share account", { kind: "FileStorage" }, "NotSimulated kind"],
    ["SFTP", { isSftpEnabled: true }, "NotSimulated isSftpEnabled"],
  ])("judge %s", async (_, changes, expected) => {
    expect(await withAccount(changes)).toBe(expected);
  });

  it("list two keys, the same each time", async () => {
    const cloud = await wholeScene();
    const list = () =>
      callFunction(
        "azure-native:storage:listStorageAccountKeys",
        { resourceGroupName: "rg", accountName: "files1" },
        cloud.state,
      );
    const { keys } = list() as { readonly keys: readonly Properties[] };
    expect(keys.map(({ keyName }) => keyName)).toEqual(["key1", "key2"]);
    expect(list()).toEqual({ keys });
  });
});

describe("containers and blobs", () => {
  it("hold content that can be read back by URL", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "lab-blob-"));
    const cloud = await sceneUpTo("Blob", { folder: folder.path });
    const text = "a release";
    const { outputs } = await create(cloud, "Blob", {
      source: { asset: { hash: sha256(text), text } },
    });
    expect(outputs["url"]).toBe("https://files1.blob.core.windows.net/releases/release.txt");
    const file = cloud.state.blobFile(String(outputs["url"]));
    expect(readFileSync(file ?? "", "utf8")).toBe(text);
    await cloud.delete(String(outputs["id"]));
    expect(() => readFileSync(file ?? "")).toThrow("ENOENT");
  });

  it.each([
    ["capitals", "Releases"],
    ["two hyphens", "re--leases"],
    ["two characters", "ab"],
  ])("refuse a container name with %s", async (_, containerName) => {
    const cloud = await sceneUpTo("BlobContainer");
    const refused = await refusal(create(cloud, "BlobContainer", { containerName }));
    expect(refused).toBe("ContainerOperationFailure");
  });

  it("refuse public access that the account does not allow", async () => {
    const cloud = await sceneUpTo("BlobContainer");
    const open = create(cloud, "BlobContainer", { publicAccess: "Blob" });
    expect(await refusal(open)).toBe("PublicAccessNotPermitted");
  });

  it("refuse an account or container that is not there", async () => {
    const cloud = await wholeScene();
    expect(await refusal(create(cloud, "BlobContainer", { accountName: "none" }))).toBe(
      "ParentResourceNotFound",
    );
    expect(await refusal(create(cloud, "Blob", { containerName: "none" }))).toBe(
      "ParentResourceNotFound",
    );
  });

  it("refuse uploads where keys are switched off, as azure-native uploads with a key", async () => {
    const cloud = await sceneUpTo("Blob");
    await update(cloud, "StorageAccount", { allowSharedKeyAccess: false });
    expect(await refusal(create(cloud, "Blob"))).toBe("KeyBasedAuthenticationNotPermitted");
  });

  it("refuse to adopt a blob that exists, also one that an earlier stack retained", async () => {
    const cloud = await wholeScene();
    expect(await refusal(create(cloud, "Blob"))).toBe("ResourceExists");
  });
});

describe("vaults and secrets", () => {
  const VAULT = DECLARATIONS.Vault.properties;
  const withVault = async (changes: Properties): Promise<string> =>
    refusal(create(await sceneUpTo("Vault"), "Vault", changes));

  it.each([
    ["two characters", { vaultName: "ab" }, "VaultNameNotValid"],
    ["a digit first", { vaultName: "1vault" }, "VaultNameNotValid"],
    ["two hyphens", { vaultName: "my--vault" }, "VaultNameNotValid"],
    ["25 characters", { vaultName: "v".repeat(25) }, "VaultNameNotValid"],
    ["a tenant that is no GUID", { properties: { ...VAULT, tenantId: "mine" } }, "BadRequest"],
    [
      "purge protection switched off",
      { properties: { ...VAULT, enablePurgeProtection: false } },
      "BadRequest",
    ],
    [
      "six days of retention",
      { properties: { ...VAULT, softDeleteRetentionInDays: 6 } },
      "BadRequest",
    ],
    [
      "seven days of retention",
      { properties: { ...VAULT, softDeleteRetentionInDays: 7 } },
      "accepted",
    ],
  ])("judge %s", async (_, changes, expected) => {
    expect(await withVault(changes)).toBe(expected);
  });

  it("never loosen purge protection or retention", async () => {
    const cloud = await sceneUpTo("Vault");
    const guarded = { tenantId: LAB_TENANT, sku: VAULT.sku, enablePurgeProtection: true };
    await create(cloud, "Vault", { properties: guarded });
    expect(await refusal(update(cloud, "Vault"))).toBe("BadRequest");
    const shorter = { properties: { ...guarded, softDeleteRetentionInDays: 7 } };
    expect(await refusal(update(cloud, "Vault", shorter))).toBe("BadRequest");
  });

  it("keep their name after a delete", async () => {
    const cloud = await wholeScene();
    await cloud.delete(idOf("Microsoft.KeyVault/vaults", "vault-1"));
    expect(await refusal(create(cloud, "Vault"))).toBe("ConflictError");
    expect(await refusal(create(cloud, "Vault", { vaultName: "vault-2" }))).toBe("accepted");
  });

  it("hand out a secret by either URI, a new version for each value, and never in an answer", async () => {
    const cloud = await sceneUpTo("Secret");
    const { outputs } = await create(cloud, "Secret");
    const { secretUri, secretUriWithVersion } = outputs["properties"] as Readonly<
      Record<string, string>
    >;
    expect(secretUri).toBe("https://vault-1.vault.azure.net/secrets/certificate");
    expect(secretUriWithVersion).toMatch(/\/secrets\/certificate\/[0-9a-f]{32}$/);
    expect(cloud.state.secretValue(secretUri ?? "")).toBe("pem");
    expect(cloud.state.secretValue(secretUriWithVersion ?? "")).toBe("pem");
    expect(JSON.stringify(outputs)).not.toContain("pem");
    const renewed = await update(cloud, "Secret", { properties: { value: "other" } });
    expect(renewed.outputs["properties"]).toMatchObject({ secretUri });
    expect(renewed.outputs["properties"]).not.toMatchObject({ secretUriWithVersion });
  });

  it("refuse values of more than 25 KB, and names with a dot", async () => {
    const cloud = await sceneUpTo("Secret");
    const large = create(cloud, "Secret", { properties: { value: "x".repeat(25 * 1024 + 1) } });
    expect(await refusal(large)).toBe("BadParameter");
    expect(await refusal(create(cloud, "Secret", { secretName: "a.b" }))).toBe("BadRequest");
  });
});
