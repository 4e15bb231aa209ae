import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatRange, mergeRanges, parseSettings, singlePort, type SettingsInput } from "#contract";
import { collectArtefacts } from "../../cli/exposure/artefacts.ts";
import { readExposure } from "../../infra/plan/exposure.ts";
import { resourceTypeOf } from "../../lab/cloud/cloud.ts";
import type { EvaluationResult } from "../../lab/engine/evaluate.ts";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import { arbitrarySettings } from "../support/arbitrary-settings.ts";
import { PRODUCTION } from "../support/production.ts";
import { evaluateProgram, resourceOf } from "../support/program.ts";

const SECRETS = { probePassword: "probe-secret-0815" };
const RANDOM_STACKS = 200;

/** What a stack is made of, and nothing else. */
const RESOURCES = [
  "azure-native:authorization:RoleAssignment read-certificate",
  "azure-native:authorization:RoleAssignment read-delivery",
  "azure-native:compute:Disk data-disk",
  "azure-native:compute:VirtualMachine machine",
  "azure-native:compute:VirtualMachineRunCommandByVirtualMachine delivery",
  "azure-native:keyvault:Secret certificate-secret",
  "azure-native:keyvault:Vault vault",
  "azure-native:managedidentity:UserAssignedIdentity identity",
  "azure-native:network:NetworkInterface nic",
  "azure-native:network:NetworkSecurityGroup nic-nsg",
  "azure-native:network:NetworkSecurityGroup subnet-nsg",
  "azure-native:network:PublicIPAddress address",
  "azure-native:network:VirtualNetwork network",
  "azure-native:resources:ResourceGroup group",
  "azure-native:storage:Blob runtime",
  "azure-native:storage:Blob server",
  "azure-native:storage:Blob settings",
  "azure-native:storage:BlobContainer delivery",
  "azure-native:storage:StorageAccount storage",
  "command:local:Command certificate",
  "command:local:Command probe",
  "command:local:Command probe-password-hash",
  "gangway:index:PassiveFtpServer server",
];

describe("the program", () => {
  let evaluator: Evaluator;

  beforeAll(() => {
    evaluator = new Evaluator();
  });
  afterAll(() => evaluator[Symbol.asyncDispose]());

  describe("in dev", () => {
    let result: EvaluationResult;

    beforeAll(async () => {
      result = await evaluateProgram(evaluator, {}, { secrets: SECRETS });
    });

    it("declares the documented resources", () => {
      const declared = result.resources.map(
        ({ type, name }) => `${type} ${name.replace(/^settings-[0-9a-f]{12}$/, "settings")}`,
      );
      expect(declared.toSorted()).toEqual(RESOURCES);
    });

    it("makes a machine without passwords, inbound administration or loose ends", () => {
      const { inputs } = resourceOf(result, "azure-native:compute:VirtualMachine");
      expect(inputs).toMatchObject({
        securityProfile: {
          securityType: "TrustedLaunch",
          uefiSettings: { secureBootEnabled: true, vTpmEnabled: true },
        },
        diagnosticsProfile: { bootDiagnostics: { enabled: true } },
        osProfile: {
          linuxConfiguration: {
            disablePasswordAuthentication: true,
            patchSettings: { patchMode: "AutomaticByPlatform" },
          },
        },
        identity: { type: "UserAssigned" },
        storageProfile: {
          dataDisks: [{ lun: 0, createOption: "Attach", deleteOption: "Detach" }],
        },
      });
      expect(JSON.stringify(inputs)).not.toContain("adminPassword");
    });

    it("makes a private subnet and a zonal static Standard address", () => {
      expect(resourceOf(result, "azure-native:network:VirtualNetwork").inputs).toMatchObject({
        flowTimeoutInMinutes: 30,
        subnets: [{ defaultOutboundAccess: false }],
      });
      expect(resourceOf(result, "azure-native:network:PublicIPAddress").inputs).toMatchObject({
        sku: { name: "Standard" },
        publicIPAllocationMethod: "Static",
        zones: ["1"],
        idleTimeoutInMinutes: 30,
      });
    });

    it("runs commands that are the same on every checkout", () => {
      const commands = result.resources.filter(({ type }) => type.startsWith("command:"));
      for (const { inputs } of commands) {
        expect(JSON.stringify(inputs)).not.toMatch(/"(?:dir|create)":"[^"]*(?:^|[" =])\/(?!\/)/);
      }
    });

    it("keeps the probe's password and the delivered hashes secret", () => {
      const secretOf = (type: string, name: string) => {
        const { secrets } = resourceOf(result, type, name);
        return secrets.join(" ");
      };
      expect(secretOf("command:local:Command", "probe-password-hash")).toContain("stdin");
      expect(
        secretOf("azure-native:compute:VirtualMachineRunCommandByVirtualMachine", "delivery"),
      ).toContain("protectedParameters");
      expect(JSON.stringify(result.outputs)).not.toContain(SECRETS.probePassword);
    });
  });

  it("tags everything that takes tags", async () => {
    const result = await evaluateProgram(
      evaluator,
      {
        ...PRODUCTION,
        bastion: { mode: "basic", sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada" },
        ownership: { owner: "ada@example.com", costCentre: "4711", dataClass: "confidential" },
      },
      { secrets: SECRETS },
    );
    const tagged = result.resources
      .filter(({ type }) => type.startsWith("azure-native:"))
      .filter(({ type }) => "tags" in resourceTypeOf(type).properties);
    expect(tagged.length).toBeGreaterThan(25);
    for (const { name, inputs } of tagged) {
      expect(inputs["tags"], name).toEqual({
        application: "gangway",
        environment: "prod",
        stack: "dev",
        owner: "ada@example.com",
        costCentre: "4711",
        dataClass: "confidential",
      });
    }
  });

  it("takes an existing certificate in production, and reads only that", async () => {
    const result = await evaluateProgram(evaluator, PRODUCTION, { secrets: SECRETS });
    const names = result.resources.map(({ type }) => type);
    expect(names).not.toContain("azure-native:keyvault:Vault");
    const { inputs } = resourceOf(
      result,
      "azure-native:authorization:RoleAssignment",
      "read-certificate",
    );
    expect(inputs["scope"]).toBe(PRODUCTION.certificate.keyVaultResourceId);
  });

  it("refuses a deployment whose probe has no password, and says how to set one", async () => {
    await expect(evaluateProgram(evaluator, {})).rejects.toThrow(
      /pulumi config set --secret probePassword VALUE --stack dev/,
    );
  });

  it("goes without probe where it is off", async () => {
    const result = await evaluateProgram(evaluator, { probe: { mode: "off" } });
    expect(result.resources.map(({ name }) => name)).not.toContain("probe");
  });

  it("names settings that it does not know, without a stack trace", async () => {
    const misspelt = { passivPorts: "50000-50099" } as SettingsInput;
    const failure = await evaluateProgram(evaluator, misspelt).then(
      () => "",
      (error: unknown) => String(error),
    );
    expect(failure).toMatch(/passivPorts.*did you mean passivePorts/);
    expect(failure).not.toMatch(/\n\s+at /);
  });

  it(`declares the same ports on every layer of ${String(RANDOM_STACKS)} random stacks`, async () => {
    await using second = new Evaluator();
    const samples = fc.sample(arbitrarySettings, RANDOM_STACKS);
    const half = RANDOM_STACKS / 2;
    await Promise.all([
      checkLayers(evaluator, samples.slice(0, half)),
      checkLayers(second, samples.slice(half)),
    ]);
  }, 400_000);
});

async function checkLayers(evaluator: Evaluator, samples: readonly SettingsInput[]) {
  for (const input of samples) {
    const settings = parseSettings(input);
    const result = await evaluateProgram(evaluator, input, { secrets: SECRETS });
    const rows = readExposure(collectArtefacts(result.resources));
    const { controlPort, implicitTlsPort, healthProbePort, passivePorts, sites } = settings;
    const bound = sites.flatMap(({ bindings }) => bindings.map(({ port }) => port));
    const expected = mergeRanges([
      ...[controlPort, implicitTlsPort, healthProbePort, ...bound]
        .filter((port) => port !== undefined)
        .map(singlePort),
      passivePorts,
    ]).map(formatRange);
    expect(rows).toHaveLength(5);
    for (const { layer, ranges } of rows)
      expect({ layer, ranges }).toEqual({ layer, ranges: expected });
  }
}
