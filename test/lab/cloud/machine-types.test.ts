import { describe, expect, it } from "vitest";
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
