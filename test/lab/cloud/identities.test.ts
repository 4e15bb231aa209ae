import { describe, expect, it } from "vitest";
import { LAB_SUBSCRIPTION } from "../../../lab/cloud/identifiers.ts";
import { hasRole } from "../../../lab/cloud/types/role-assignment.ts";
import type { Properties } from "../../../lab/cloud/values.ts";
import { create, GROUP, idOf, refusal, sceneUpTo, wholeScene } from "./scene.ts";

const BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";

describe("identities and role assignments", () => {
  const definition = (guid: string): string =>
    `/subscriptions/${LAB_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/${guid}`;
  const scene = async () => {
    const cloud = await wholeScene();
    const identity = cloud.read(
      idOf("Microsoft.ManagedIdentity/userAssignedIdentities", "identity"),
    );
    const principalId = String(identity?.outputs["principalId"]);
    const declare = (changes: Properties) =>
      create(cloud, "RoleAssignment", {
        scope: idOf("Microsoft.Storage/storageAccounts", "files1"),
        roleAssignmentName: "0f8fad5b-d9cb-469f-a165-70867728950e",
        principalId,
        principalType: "ServicePrincipal",
        roleDefinitionId: definition(BLOB_READER),
        ...changes,
      });
    return { cloud, principalId, declare };
  };

  it("grant a role at and below their scope", async () => {
    const { cloud, principalId, declare } = await scene();
    await declare({});
    const account = idOf("Microsoft.Storage/storageAccounts", "files1");
    const container = `${account}/blobServices/default/containers/releases`;
    const vault = idOf("Microsoft.KeyVault/vaults", "vault-1");
    const reads = (id: string) =>
      hasRole(cloud.state, principalId, id, ["Storage Blob Data Reader"]);
    expect([account, container, vault].map(reads)).toEqual([true, true, false]);
  });

  it.each([
    [
      "an unknown principal",
      { principalId: "5c9e1f0a-0000-4000-8000-000000000000" },
      "PrincipalNotFound",
    ],
    // azure-native's default is User, which an identity is not.
    ["the wrong kind of principal", { principalType: "User" }, "UnmatchedPrincipalType"],
    ["an unknown scope", { scope: `${GROUP}-none` }, "ParentResourceNotFound"],
    ["a name that is no GUID", { roleAssignmentName: "reader" }, "InvalidRoleAssignmentId"],
    [
      "a role that the lab does not know",
      { roleDefinitionId: definition("5c9e1f0a-0000-4000-8000-000000000001") },
      "NotSimulated roleDefinitionId",
    ],
  ])("refuse %s", async (_, changes, expected) => {
    const { declare } = await scene();
    const refused = await refusal(declare(changes));
    expect(refused).toBe(
      expected === "ParentResourceNotFound" ? "ResourceGroupNotFound" : expected,
    );
  });

  it("refuse the same assignment under another name", async () => {
    const { declare } = await scene();
    await declare({});
    const twin = declare({ roleAssignmentName: "0f8fad5b-d9cb-469f-a165-70867728950f" });
    expect(await refusal(twin)).toBe("RoleAssignmentExists");
  });

  it("are someone else after a delete, and the same in another lab", async () => {
    const cloud = await sceneUpTo("Disk");
    const id = idOf("Microsoft.ManagedIdentity/userAssignedIdentities", "identity");
    const first = cloud.read(id)?.outputs["principalId"];
    await cloud.delete(id);
    const second = await create(cloud, "UserAssignedIdentity");
    expect(second.outputs["principalId"]).not.toBe(first);
    const elsewhere = await sceneUpTo("Disk");
    expect(elsewhere.read(id)?.outputs["principalId"]).toBe(first);
  });
});
