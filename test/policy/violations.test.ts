/** One violation per policy that looks at single resources, and its mended twin. */
import type { ResourceValidationArgs, StackValidationArgs } from "@pulumi/policy";
import { describe, expect, it } from "vitest";
import { createPolicies } from "../../infra/policy/policies.ts";
import { base64, HARDENED } from "./resources.ts";

type Properties = Readonly<Record<string, unknown>>;

async function judgeOne(
  policyName: string,
  type: string,
  props: Properties,
  { config = {}, protect = false }: { config?: object; protect?: boolean } = {},
): Promise<readonly string[]> {
  const policy = createPolicies().find(({ name }) => name === policyName);
  if (policy === undefined) throw new Error(`no policy ${policyName}`);
  const messages: string[] = [];
  const report = (message: string): void => void messages.push(message);
  const resource = {
    type: `azure-native:${type}`,
    name: "subject",
    urn: "urn",
    props,
    opts: { protect },
    dependencies: [],
  };
  const getConfig = (): object => config;
  // Policies of this pack read nothing else of the arguments.
  if ("validateStack" in policy) {
    const args = { resources: [resource], getConfig };
    await policy.validateStack(args as unknown as StackValidationArgs, report);
  } else {
    const validate = policy.validateResource;
    if (typeof validate !== "function") throw new Error("one function expected");
    await validate({ ...resource, getConfig } as unknown as ResourceValidationArgs, report);
  }
  return messages;
}

const rule = (more: Properties): Properties => ({
  name: "subject",
  direction: "Inbound",
  access: "Allow",
  protocol: "Tcp",
  priority: 100,
  sourcePortRange: "*",
  ...more,
});

const DENY_ALL = rule({
  name: "DenyAll",
  access: "Deny",
  protocol: "*",
  priority: 4096,
  sourceAddressPrefix: "*",
  destinationPortRange: "*",
});
const PROBE = rule({ sourceAddressPrefix: "AzureLoadBalancer", destinationPortRange: "8021" });

const balancer = (rules: readonly Properties[], probes: readonly Properties[] = []) => ({
  loadBalancingRules: rules,
  probes,
});
const balanced = {
  name: "control",
  frontendPort: 21,
  backendPort: 21,
  enableTcpReset: true,
  probe: { id: "probe" },
};
const nat = (pool: string, port: number): Properties => ({
  name: `${pool}-${String(port)}`,
  frontendPortRangeStart: port,
  frontendPortRangeEnd: port,
  backendPort: port,
  backendAddressPool: { id: `/pools/${pool}` },
});

interface Case {
  readonly policy: string;
  readonly type: string;
  readonly wrong: Properties;
  readonly says: RegExp;
  readonly right: Properties;
}

const CASES: readonly Case[] = [
  ...["*", "Internet", "0.0.0.0/0", "::/0", "any", "128.0.0.0/1"].map((source) => ({
    policy: "no-administration-from-the-internet",
    type: "network:NetworkSecurityGroup",
    wrong: {
      securityRules: [rule({ sourceAddressPrefix: source, destinationPortRange: "20-25" })],
    },
    says: /opens 20-25, and so port 22/,
    right: {
      securityRules: [rule({ sourceAddressPrefix: "198.51.100.0/24", destinationPortRange: "22" })],
    },
  })),
  {
    policy: "no-administration-from-the-internet",
    type: "network/v20240501:SecurityRule",
    wrong: rule({
      sourceAddressPrefixes: ["10.0.0.0/8", "Internet"],
      destinationPortRanges: ["443", "3389"],
    }),
    says: /port 3389/,
    right: rule({ sourceAddressPrefixes: ["Internet"], destinationPortRanges: ["443"] }),
  },
  {
    policy: "security-groups-end-with-deny-all",
    type: "network:NetworkSecurityGroup",
    wrong: { securityRules: [PROBE] },
    says: /does not end with a rule that denies/,
    right: { securityRules: [DENY_ALL, PROBE] },
  },
  {
    policy: "security-groups-end-with-deny-all",
    type: "network:NetworkSecurityGroup",
    wrong: { securityRules: [DENY_ALL] },
    says: /shuts out Azure's health probe/,
    right: { securityRules: [DENY_ALL, PROBE] },
  },
  {
    policy: "public-address-is-static-and-zonal",
    type: "network:PublicIPAddress",
    wrong: { sku: { name: "Basic" }, publicIPAllocationMethod: "Dynamic" },
    says: /Standard[^]*static[^]*zone/,
    right: { sku: { name: "Standard" }, publicIPAllocationMethod: "Static", zones: ["1"] },
  },
  {
    policy: "idle-flows-are-reset",
    type: "network:LoadBalancer",
    wrong: balancer([{ ...balanced, enableTcpReset: false }]),
    says: /enableTcpReset to true/,
    right: balancer([balanced]),
  },
  {
    policy: "frontend-port-equals-backend-port",
    type: "network:LoadBalancer",
    wrong: { inboundNatRules: [{ ...nat("a", 50000), backendPort: 50001 }] },
    says: /turns port 50000 into 50001/,
    right: { inboundNatRules: [nat("a", 50000)] },
  },
  {
    policy: "health-probe-has-its-own-port",
    type: "network:LoadBalancer",
    wrong: balancer([{ ...balanced, probe: undefined }], [{ name: "probe", port: 21 }]),
    says: /no health probe[^]*asks a control port/,
    right: balancer([balanced], [{ name: "probe", port: 8021 }]),
  },
  {
    policy: "load-balancer-rules-fit",
    type: "network:LoadBalancer",
    wrong: { inboundNatRules: Array.from({ length: 1351 }, (_, i) => nat("a", 50000 + i)) },
    says: /1351 rules of at most 1500/,
    right: { inboundNatRules: Array.from({ length: 1350 }, (_, i) => nat("a", 50000 + i)) },
  },
  {
    policy: "nat-slices-are-disjoint",
    type: "network:LoadBalancer",
    wrong: { inboundNatRules: [nat("a", 50000), nat("a", 50001), nat("b", 50001)] },
    says: /sends 50001 to both a and b/,
    right: { inboundNatRules: [nat("a", 50000), nat("b", 50001)] },
  },
  {
    policy: "subnets-are-private-by-default",
    type: "network:Subnet",
    wrong: {},
    says: /defaultOutboundAccess to false/,
    right: { defaultOutboundAccess: false },
  },
  {
    policy: "subnets-are-private-by-default",
    type: "network:VirtualNetwork",
    wrong: { subnets: [{ name: "inner" }] },
    says: /Subnet inner/,
    right: { subnets: [{ name: "inner", defaultOutboundAccess: false }] },
  },
  {
    policy: "machines-are-hardened",
    type: "compute:VirtualMachine",
    wrong: { osProfile: { adminPassword: "x", linuxConfiguration: {} } },
    says: /password[^]*trusted[^]*diagnostics[^]*patched/,
    right: HARDENED,
  },
  {
    policy: "images-are-known",
    type: "compute:VirtualMachine",
    wrong: { storageProfile: { imageReference: { publisher: "someone" } } },
    says: /image by someone/,
    right: { storageProfile: { imageReference: { publisher: "Canonical" } } },
  },
  {
    policy: "user-data-holds-no-secrets",
    type: "compute:VirtualMachine",
    wrong: {
      osProfile: { customData: base64("password: hunter2") },
      userData: base64("x".repeat(65_537)),
    },
    says: /secret in osProfile.customData[^]*more than 64 KiB in userData/,
    right: { osProfile: { customData: base64("#cloud-config\n") } },
  },
  {
    policy: "storage-is-private",
    type: "storage:StorageAccount",
    wrong: {
      allowBlobPublicAccess: true,
      minimumTlsVersion: "TLS1_0",
      enableHttpsTrafficOnly: false,
    },
    says: /public blobs[^]*TLS before 1\.2[^]*plain HTTP/,
    right: { allowBlobPublicAccess: false, minimumTlsVersion: "TLS1_2" },
  },
  {
    policy: "storage-is-private",
    type: "storage:BlobContainer",
    wrong: { publicAccess: "Blob" },
    says: /is public/,
    right: { publicAccess: "None" },
  },
  {
    policy: "storage-keys-are-off",
    type: "storage:StorageAccount",
    wrong: {},
    says: /subject takes shared keys/,
    right: { allowSharedKeyAccess: false },
  },
  {
    policy: "vaults-are-protected",
    type: "keyvault:Vault",
    wrong: { properties: {} },
    says: /access policies[^]*purged/,
    right: { properties: { enableRbacAuthorization: true, enablePurgeProtection: true } },
  },
  {
    policy: "roles-are-narrow",
    type: "authorization:RoleAssignment",
    wrong: {
      roleDefinitionId: "/x/8E3AF657-a8ff-443c-a75c-2fe8c4bcb635",
      scope: "/subscriptions/s/resourceGroups/g",
    },
    says: /role Owner[^]*is for all of/,
    right: { roleDefinitionId: "/x/y", scope: "/subscriptions/s/resourceGroups/g/providers/a/b/c" },
  },
];

describe("policies of single resources", () => {
  it.each(CASES)("$policy finds $says in $type", async ({ policy, type, wrong, says, right }) => {
    expect((await judgeOne(policy, type, wrong)).join("\n")).toMatch(says);
    expect(await judgeOne(policy, type, right)).toEqual([]);
  });

  it("production-address-is-protected holds in production only", async () => {
    const name = "production-address-is-protected";
    const type = "network:PublicIPAddress";
    const config = { environment: "prod" };
    expect((await judgeOne(name, type, {}, { config })).join()).toContain("protect: true");
    expect(await judgeOne(name, type, {}, { config, protect: true })).toEqual([]);
    expect(await judgeOne(name, type, {})).toEqual([]);
  });

  it("storage-keys-are-off is advice, and spares accounts that need their keys", async () => {
    const name = "storage-keys-are-off";
    expect(createPolicies().find((policy) => policy.name === name)?.enforcementLevel).toBe(
      "advisory",
    );
    const judged = await judgeOne(
      name,
      "storage:StorageAccount",
      {},
      { config: { exempt: ["subject"] } },
    );
    expect(judged).toEqual([]);
  });

  it("resources-carry-tags demands tags and puts them on", async () => {
    const type = "network:PublicIPAddress";
    const config = { required: { costCentre: "", owner: "files" } };
    const wrong = { tags: { environment: "dev" } };
    expect((await judgeOne("resources-carry-tags", type, wrong, { config })).join()).toContain(
      "costCentre, owner",
    );
    const policy = createPolicies().find(({ name }) => name === "resources-carry-tags");
    if (policy === undefined || !("remediateResource" in policy)) throw new Error("no remediation");
    const args = { type: `azure-native:${type}`, props: wrong, getConfig: () => config };
    const mended = await policy.remediateResource?.(args as unknown as ResourceValidationArgs);
    expect(mended).toEqual({ tags: { environment: "dev", owner: "files" } });
  });
});
