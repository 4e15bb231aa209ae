import { describe, expect, it } from "vitest";
import {
  NO_EFFECTS,
  type CloudEffects,
  type RunCommandInvocation,
} from "../../../lab/cloud/effects.ts";
import { ProvisioningFailed } from "../../../lab/cloud/errors.ts";
import { LAB_SUBSCRIPTION } from "../../../lab/cloud/identifiers.ts";
import { hasRole } from "../../../lab/cloud/types/role-assignment.ts";
import type { Properties } from "../../../lab/cloud/values.ts";
import {
  create,
  DECLARATIONS,
  GROUP,
  idOf,
  refusal,
  sceneUpTo,
  update,
  wholeScene,
} from "./scene.ts";

const MACHINE = DECLARATIONS.VirtualMachine;
const MACHINE_ID = idOf("Microsoft.Compute/virtualMachines", "vm");
const BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";

const withMachine = async (changes: Properties): Promise<string> =>
  refusal(create(await sceneUpTo("VirtualMachine"), "VirtualMachine", changes));

describe("virtual machines", () => {
  it("come with an OS disk, identities and no secrets in the answer", async () => {
    const cloud = await sceneUpTo("VirtualMachine");
    const { outputs } = await create(cloud, "VirtualMachine");
    const identity = cloud.read(
      idOf("Microsoft.ManagedIdentity/userAssignedIdentities", "identity"),
    );
    const disk = idOf("Microsoft.Compute/disks", "vm-os");
    expect(outputs).toMatchObject({
      id: MACHINE_ID,
      provisioningState: "Succeeded",
      storageProfile: { osDisk: { name: "vm-os", managedDisk: { id: disk } } },
      identity: {
        userAssignedIdentities: {
          [identity?.id ?? ""]: { clientId: identity?.outputs["clientId"] },
        },
      },
    });
    expect(outputs["osProfile"]).not.toHaveProperty("customData");
    expect(cloud.read(disk)?.implicitOwner).toBe(MACHINE_ID);
  });

  it.each([
    ["zone 4", { zones: ["4"] }, "InvalidAvailabilityZone"],
    [
      "another zone than its address",
      { zones: ["2"], storageProfile: { ...MACHINE.storageProfile, dataDisks: [] } },
      "ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint",
    ],
    ["a size that does not exist", { hardwareProfile: { vmSize: "Large" } }, "InvalidParameter"],
    [
      "an Arm size with an x64 image",
      { hardwareProfile: { vmSize: "Standard_D2ps_v5" } },
      "InvalidParameter",
    ],
    [
      "encryption at host, even switched off",
      { securityProfile: { encryptionAtHost: false } },
      "InvalidParameter",
    ],
    ["a name of 65 characters", { vmName: "v".repeat(65) }, "InvalidParameter"],
    ["no interface", { networkProfile: { networkInterfaces: [] } }, "InvalidParameter"],
    [
      "a missing interface",
      { networkProfile: { networkInterfaces: [{ id: `${MACHINE_ID}-nic` }] } },
      "InvalidResourceReference",
    ],
    [
      "a missing identity",
      { identity: { type: "UserAssigned", userAssignedIdentities: [`${GROUP}/none`] } },
      "FailedIdentityOperation",
    ],
    ["another region", { location: "northeurope" }, "InvalidResourceReference"],
    ["a spot machine", { priority: "Spot" }, "NotSimulated priority"],
    ["a licence", { licenseType: "RHEL_BYOS" }, "NotSimulated licenseType"],
  ])("refuses %s", async (_, changes, expected) => {
    expect(await withMachine(changes)).toBe(expected);
  });

  it.each([
    ["a reserved name", { adminUsername: "root" }],
    ["no name", { adminUsername: "" }],
    ["custom data that is not Base64", { customData: "#cloud-config" }],
    ["custom data of more than 64 KB", { customData: Buffer.alloc(65536).toString("base64") }],
    ["neither key nor password", { linuxConfiguration: {} }],
    ["a simple password", { adminPassword: "password", linuxConfiguration: {} }],
    [
      "a key elsewhere",
      {
        linuxConfiguration: {
          ssh: { publicKeys: [{ path: "/root/.ssh/authorized_keys", keyData: "ssh-rsa AAAA" }] },
        },
      },
    ],
  ])("refuses a login with %s", async (_, changes) => {
    expect(await withMachine({ osProfile: { ...MACHINE.osProfile, ...changes } })).toBe(
      "InvalidParameter",
    );
  });

  it.each([
    ["customData", { osProfile: { ...MACHINE.osProfile, customData: "I2Nsb3VkLWNvbmZpZyAyCg==" } }],
    ["the administrator", { osProfile: { ...MACHINE.osProfile, adminUsername: "other" } }],
    ["the zone", { zones: ["2"] }],
    [
      "the image",
      {
        storageProfile: {
          ...MACHINE.storageProfile,
          imageReference: { ...MACHINE.storageProfile.imageReference, sku: "minimal" },
        },
      },
    ],
  ])("cannot change %s in place", async (_, changes) => {
    const cloud = await wholeScene();
    expect(await refusal(update(cloud, "VirtualMachine", changes))).toBe(
      "PropertyChangeNotAllowed",
    );
  });

  it("names the property that cannot change as Azure does", async () => {
    const cloud = await wholeScene();
    const changed = update(cloud, "VirtualMachine", {
      osProfile: { ...MACHINE.osProfile, customData: "" },
    });
    await expect(changed).rejects.toThrow("Changing property 'customData' is not allowed.");
  });

  it("can change its size, user data and image version in place", async () => {
    const cloud = await wholeScene();
    const { imageReference } = MACHINE.storageProfile;
    const changed = await update(cloud, "VirtualMachine", {
      hardwareProfile: { vmSize: "Standard_B4ms" },
      userData: "dXNlcg==",
      storageProfile: {
        ...MACHINE.storageProfile,
        imageReference: { ...imageReference, version: "24.04.202510010" },
      },
    });
    expect(changed.outputs["hardwareProfile"]).toEqual({ vmSize: "Standard_B4ms" });
  });

  it("refuses an interface or a disk that another machine holds", async () => {
    const cloud = await wholeScene();
    const twin = (changes: Properties) =>
      refusal(create(cloud, "VirtualMachine", { vmName: "twin", ...changes }));
    expect(await twin({})).toBe("NicInUse");
    await create(cloud, "NetworkInterface", {
      networkInterfaceName: "second",
      ipConfigurations: [
        { name: "primary", subnet: DECLARATIONS.NetworkInterface.ipConfigurations[0].subnet },
      ],
    });
    const networkProfile = {
      networkInterfaces: [{ id: idOf("Microsoft.Network/networkInterfaces", "second") }],
    };
    const osDisk = { name: "twin-os", createOption: "FromImage" };
    const storageProfile = { ...MACHINE.storageProfile, osDisk };
    expect(await twin({ networkProfile, storageProfile })).toBe("ConflictingUserInput");
  });

  it("leaves a detached OS disk behind, which then stands in the way", async () => {
    const storageProfile = {
      ...MACHINE.storageProfile,
      osDisk: { name: "vm-os", createOption: "FromImage" },
    };
    const cloud = await sceneUpTo("VirtualMachine");
    await create(cloud, "VirtualMachine", { storageProfile });
    await cloud.delete(MACHINE_ID);
    expect(cloud.read(idOf("Microsoft.Compute/disks", "vm-os"))).toBeDefined();
    const again = create(cloud, "VirtualMachine", { storageProfile });
    expect(await refusal(again)).toBe("ConflictingUserInput");
  });

  it("take along what their delete options say", async () => {
    const cloud = await sceneUpTo("VirtualMachine");
    const nic = idOf("Microsoft.Network/networkInterfaces", "nic");
    await create(cloud, "VirtualMachine", {
      networkProfile: { networkInterfaces: [{ id: nic, deleteOption: "Delete" }] },
    });
    await cloud.delete(MACHINE_ID);
    expect(cloud.read(nic)).toBeUndefined();
    expect(cloud.read(idOf("Microsoft.Compute/disks", "vm-os"))).toBeUndefined();
    expect(cloud.read(idOf("Microsoft.Compute/disks", "data"))).toBeDefined();
  });
});

describe("disks", () => {
  const withDisk = async (changes: Properties): Promise<string> =>
    refusal(create(await sceneUpTo("Disk"), "Disk", changes));

  it.each([
    ["no size", { diskSizeGB: 0 }, "InvalidParameter"],
    ["zone 7", { zones: ["7"] }, "InvalidAvailabilityZone"],
    ["a name with a slash", { diskName: "a/b" }, "InvalidParameter"],
    [
      "a copy",
      { creationData: { createOption: "Copy" } },
      "NotSimulated creationData.createOption",
    ],
  ])("refuse %s", async (_, changes, expected) => {
    expect(await withDisk(changes)).toBe(expected);
  });

  it("grow but do not shrink, and stay while attached", async () => {
    const cloud = await wholeScene();
    expect(await refusal(update(cloud, "Disk", { diskSizeGB: 128 }))).toBe("accepted");
    expect(await refusal(update(cloud, "Disk", { diskSizeGB: 32 }))).toBe("OperationNotAllowed");
    expect(await refusal(cloud.delete(idOf("Microsoft.Compute/disks", "data")))).toBe(
      "OperationNotAllowed",
    );
  });

  it("fit a machine of the same zone only", async () => {
    const cloud = await sceneUpTo("Disk");
    await create(cloud, "Disk", { zones: ["3"] });
    expect(await refusal(create(cloud, "VirtualMachine"))).toBe("BadRequest");
  });
});

describe("Run Commands", () => {
  const recording = (exitCode = 0, output = "done") => {
    const runs: RunCommandInvocation[] = [];
    const effects: CloudEffects = {
      ...NO_EFFECTS,
      runCommand: async (invocation) => {
        runs.push(invocation);
        return { exitCode, output };
      },
    };
    return { runs, effects };
  };
  const NAME = "VirtualMachineRunCommandByVirtualMachine";

  it("run with their parameters on their machine", async () => {
    const { runs, effects } = recording();
    const cloud = await sceneUpTo(NAME, { effects });
    const { outputs } = await create(cloud, NAME);
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      machine: { id: MACHINE_ID },
      script: "echo delivered",
      parameters: { url: "https://example.invalid/", token: "hidden" },
      protectedNames: ["token"],
    });
    expect(outputs["instanceView"]).toMatchObject({
      executionState: "Succeeded",
      exitCode: 0,
      output: "done",
    });
    expect(outputs).not.toHaveProperty("protectedParameters");
  });

  it("run again only when the script differs", async () => {
    const { runs, effects } = recording();
    const cloud = await sceneUpTo(NAME, { effects });
    await create(cloud, NAME);
    await update(cloud, NAME, { parameters: [{ name: "url", value: "https://other.invalid/" }] });
    expect(runs).toHaveLength(1);
    const { outputs } = await update(cloud, NAME, { source: { script: "echo again" } });
    expect(runs).toHaveLength(2);
    expect(outputs["instanceView"]).toMatchObject({ exitCode: 0 });
  });

  it("fail the deployment when told to, keep the end of the output, and run again", async () => {
    const { runs, effects } = recording(3, `${"x".repeat(5000)}the end`);
    const cloud = await sceneUpTo(NAME, { effects });
    const failed = create(cloud, NAME);
    await expect(failed).rejects.toBeInstanceOf(ProvisioningFailed);
    await expect(failed).rejects.toThrow("exit code 3");
    const view = cloud.read(`${MACHINE_ID}/runCommands/deliver`)?.outputs[
      "instanceView"
    ] as Properties;
    expect(view["executionState"]).toBe("Failed");
    expect(Buffer.byteLength(String(view["output"]))).toBe(4096);
    expect(String(view["output"]).endsWith("the end")).toBe(true);
    await expect(update(cloud, NAME)).rejects.toBeInstanceOf(ProvisioningFailed);
    expect(runs).toHaveLength(2);
  });

  it("only note a failure when not told to fail", async () => {
    const { effects } = recording(3);
    const cloud = await sceneUpTo(NAME, { effects });
    const { outputs } = await create(cloud, NAME, { treatFailureAsDeploymentFailure: false });
    expect(outputs).toMatchObject({
      provisioningState: "Succeeded",
      instanceView: { executionState: "Failed", exitCode: 3 },
    });
  });

  it.each([
    ["without a machine", { vmName: "none" }, "ParentResourceNotFound"],
    ["in another region", { location: "northeurope" }, "InvalidResourceLocation"],
    ["from a URL", { source: { scriptUri: "https://x" } }, "NotSimulated source.scriptUri"],
    ["as another user", { runAsUser: "operator" }, "InvalidRequestFormat"],
  ])("are refused %s", async (_, changes, expected) => {
    expect(await refusal(create(await sceneUpTo(NAME), NAME, changes))).toBe(expected);
  });
});

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
