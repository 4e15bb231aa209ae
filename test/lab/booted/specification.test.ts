/** What a machine is made from: the declaration's own data and disks. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planGuestFiles } from "../../../lab/booted/guest-files.ts";
import {
  readSpecification,
  removeDeletedDisks,
  sameHardware,
} from "../../../lab/booted/specification.ts";
import type { CloudResource } from "../../../lab/cloud/state.ts";
import { CloudFixture, DISK, MACHINE } from "./cloud-fixture.ts";

let cloud: CloudFixture;

beforeAll(() => {
  cloud = new CloudFixture();
});

afterAll(() => cloud[Symbol.dispose]());

describe("data disks", () => {
  const machine: CloudResource = {
    id: MACHINE,
    type: "azure-native:compute:VirtualMachine",
    name: "vm",
    inputs: {},
    outputs: { storageProfile: { dataDisks: [{ lun: 0, managedDisk: { id: DISK } }] } },
    secrets: [],
  };
  const attached = () => readSpecification(cloud.state, machine).dataDisks[0];

  it("are other disks when they are deleted and made anew, and their blocks go with them", () => {
    cloud.put("compute:Disk", DISK, { diskSizeGB: 4 });
    const first = attached()?.file ?? "";
    expect(attached()?.file).toBe(first);
    mkdirSync(dirname(first), { recursive: true });
    writeFileSync(first, "blocks");
    removeDeletedDisks(cloud.state);
    expect(existsSync(first)).toBe(true);
    cloud.state.remove([DISK]);
    cloud.put("compute:Disk", DISK, { diskSizeGB: 4 });
    expect(attached()?.file).not.toBe(first);
    removeDeletedDisks(cloud.state);
    expect(existsSync(first)).toBe(false);
  });

  it("make a machine start anew, unlike what it is merely told", () => {
    const before = readSpecification(cloud.state, machine);
    expect(sameHardware(before, { ...before, cloudInit: "other" })).toBe(true);
    expect(sameHardware(before, { ...before, dataDisks: [] })).toBe(false);
    expect(sameHardware(before, { ...before, size: "larger" })).toBe(false);
  });
});

describe("the guest's files", () => {
  it("hold the declaration's own custom data and disks", () => {
    cloud.put("compute:Disk", DISK, { diskSizeGB: 8 });
    const customData = Buffer.from("#cloud-config\nruncmd: []\n").toString("base64");
    const machine: CloudResource = {
      id: MACHINE,
      type: "azure-native:compute:VirtualMachine",
      name: "vm",
      inputs: { osProfile: { computerName: "box", adminUsername: "admin", customData } },
      outputs: { storageProfile: { dataDisks: [{ lun: 3, managedDisk: { id: DISK } }] } },
      secrets: [],
    };
    const specification = readSpecification(cloud.state, machine);
    expect(specification.dataDisks).toMatchObject([{ lun: 3, bytes: 8 * 2 ** 30 }]);
    const files = planGuestFiles({
      specification,
      instanceId: "i-1",
      disks: [{ lun: 3, device: "/dev/loop9" }],
      authorityCertificate: "LAB\n",
      imageCertificates: "IMAGE\n",
    });
    expect(files.get("/var/lib/cloud/seed/nocloud/user-data")).toBe("#cloud-config\nruncmd: []\n");
    expect(files.get("/var/lib/cloud/seed/nocloud/meta-data")).toContain("local-hostname: box");
    expect(files.get("/etc/ssl/certs/ca-certificates.crt")).toBe("IMAGE\nLAB\n");
    expect([...files.values()].join("")).toContain("/dev/disk/azure/scsi1/lun3 - - - - /dev/loop9");
  });
});
