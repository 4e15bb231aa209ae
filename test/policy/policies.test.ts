/** Each policy: the real program passes, one mutation per rule does not, unknown values are no bugs. */
import { asset } from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { Evaluator } from "../../lab/engine/evaluator.ts";
import {
  judge,
  mutate,
  mutateRule,
  mutateRules,
  seen,
  type Properties,
  type Rule,
  type Seen,
} from "../support/policy-judge.ts";
import { evaluateProgram } from "../support/program.ts";

/** Changes what the settings blob holds; by default the delivery names the new content. */
async function mutateSettings(
  resources: readonly Seen[],
  change: (content: { server: Properties; guestFirewall: string; sysctl: string }) => object,
  follow = true,
): Promise<readonly Seen[]> {
  const { createHash } = await import("node:crypto");
  const blob = resources.find(({ name }) => name.startsWith("settings-"));
  const text = await (blob?.inputs["source"] as asset.StringAsset).text;
  const changed = JSON.stringify(change(JSON.parse(text)));
  const sha256 = createHash("sha256").update(changed).digest("hex");
  return resources.map((resource) => {
    if (resource === blob) {
      return { ...blob, inputs: { ...blob.inputs, source: new asset.StringAsset(changed) } };
    }
    if (!follow || resource.name !== "delivery" || !("parameters" in resource.inputs)) {
      return resource;
    }
    const parameters = (resource.inputs["parameters"] as Rule[]).map((parameter) =>
      parameter["name"] === "settingsSha256" ? { ...parameter, value: sha256 } : parameter,
    );
    return { ...resource, inputs: { ...resource.inputs, parameters } };
  });
}

const BOUND_SITE = {
  name: "partners",
  bindings: [{ port: 2121 }, { channel: "implicitTls", port: 9900 }],
};

describe("policies", () => {
  let deployed: readonly Seen[];
  let previewed: readonly Seen[];

  beforeAll(async () => {
    await using evaluator = new Evaluator();
    const settings = { probe: { mode: "off" } } as const;
    const up = await evaluateProgram(evaluator, settings, { operation: "up" });
    deployed = up.resources.map(seen);
    const preview = await evaluateProgram(evaluator, settings, { operation: "preview" });
    previewed = preview.resources.map(seen);
  });

  it("pass the program, deployed and in preview", async () => {
    expect(await judge(deployed)).toEqual([]);
    expect(await judge(previewed, { preview: true })).toEqual([]);
  });

  it("pass a preview of which much is unknown", async () => {
    const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    const partly = mutate(deployed, ":PublicIPAddress", (properties) => ({
      ...properties,
      ipAddress: unknown,
    }));
    expect(await judge(partly, { preview: true })).toEqual([]);
  });

  it("say nothing of stacks that are not ours", async () => {
    const foreign = deployed.filter(
      ({ type }) => !type.endsWith(":Blob") && !type.endsWith("RunCommandByVirtualMachine"),
    );
    const rules = mutateRule(foreign, "AllowClientsToControl", { destinationPortRange: "443" });
    expect(await judge(rules)).toEqual([]);
  });

  describe("security-groups-allow-what-is-served", () => {
    const of = (findings: readonly string[]) =>
      findings.filter((finding) => finding.startsWith("security-groups-allow-what-is-served"));

    it("finds a port too few", async () => {
      const changed = mutateRule(deployed, "AllowClientsToPassiveRange", {
        destinationPortRange: "50000-50098",
      });
      const findings = of(await judge(changed));
      expect(findings).toHaveLength(2);
      expect(findings[0]).toContain("subnet-nsg lacks 50099");
    });

    it("finds a port too many, in the plural spelling as well", async () => {
      const changed = mutateRule(deployed, "AllowClientsToControl", {
        destinationPortRange: undefined,
        destinationPortRanges: ["21", "8080-8081"],
      });
      expect(of(await judge(changed))[0]).toContain("has 8080-8081 too much");
    });

    it("wants the ports of bindings open, in both groups", async () => {
      const delivered = await mutateSettings(deployed, (content) => ({
        ...content,
        server: { ...content.server, sites: [{ name: "own" }, BOUND_SITE] },
      }));
      const findings = of(await judge(delivered));
      expect(findings).toHaveLength(2);
      expect(findings[0]).toContain("subnet-nsg lacks 2121, 9900");
    });

    it("finds a denial before the permission", async () => {
      const changed = mutateRules(deployed, (rules) => [
        ...rules,
        {
          name: "Stop",
          priority: 99,
          direction: "Inbound",
          access: "Deny",
          protocol: "*",
          sourceAddressPrefix: "Internet",
          sourcePortRange: "*",
          destinationPortRange: "990",
        },
      ]);
      expect(of(await judge(changed))[0]).toContain("lacks 990");
    });

    it("knows security groups of every API version", async () => {
      const versioned = deployed.map((resource) => ({
        ...resource,
        type: resource.type.replace(":network:Net", ":network/v20240501:Net"),
      }));
      const changed = mutateRules(versioned, (rules) => rules.slice(1));
      expect(of(await judge(changed))[0]).toContain("lacks 21");
    });
  });

  describe("inbound-rules-name-their-ports", () => {
    it.each([
      ["sourcePortRange", { sourcePortRange: "21", destinationPortRange: "*" }, /source port 21/],
      ["sourcePortRanges", { sourcePortRange: undefined, sourcePortRanges: ["21"] }, /source port/],
      ["every destination port", { destinationPortRange: "*" }, /opens every port/],
      ["every port as a range", { destinationPortRange: "0-65535" }, /opens every port/],
    ])("finds %s", async (_, change, message) => {
      const findings = await judge(mutateRule(deployed, "AllowClientsToControl", change));
      expect(findings.join("\n")).toMatch(message);
    });

    it("finds it in a rule that is a resource of its own", async () => {
      const rule: Seen = {
        type: "azure-native:network:SecurityRule",
        name: "own",
        urn: "urn",
        inputs: {
          direction: "Inbound",
          access: "Allow",
          protocol: "Tcp",
          priority: 500,
          sourcePortRange: "50000-50099",
          destinationPortRange: "*",
        },
        outputs: {},
      };
      expect(await judge([rule])).toHaveLength(2);
    });
  });

  describe("keepalive-below-idle-timeouts", () => {
    it.each([
      [":PublicIPAddress", { idleTimeoutInMinutes: 1 }],
      [":VirtualNetwork", { flowTimeoutInMinutes: 1 }],
    ])("finds a shorter timeout of %s", async (type, change) => {
      const changed = mutate(deployed, type, (properties) => ({ ...properties, ...change }));
      const findings = await judge(changed);
      expect(findings).toHaveLength(1);
      expect(findings[0]).toMatch(/keepalive of 60 s is not below .*TimeoutInMinutes/);
    });

    it("counts Azure's default where none is declared", async () => {
      const undeclared = mutate(deployed, ":PublicIPAddress", (properties) => ({
        ...properties,
        idleTimeoutInMinutes: undefined,
      }));
      const slow = await mutateSettings(undeclared, (content) => ({
        ...content,
        server: {
          ...content.server,
          keepalive: { idleSeconds: 240, intervalSeconds: 15, count: 10 },
        },
      }));
      expect((await judge(slow)).join("\n")).toContain("(240 s)");
    });

    it("finds the rule of a load balancer", async () => {
      const balancer: Seen = {
        type: "azure-native:network:LoadBalancer",
        name: "balancer",
        urn: "urn",
        inputs: {},
        outputs: { loadBalancingRules: [{ name: "control", idleTimeoutInMinutes: 1 }] },
      };
      expect((await judge([...deployed, balancer])).join("\n")).toContain("rule control");
    });

    it("finds settings without keepalive", async () => {
      const changed = await mutateSettings(deployed, ({ server, ...rest }) => {
        const { keepalive: _, ...others } = server;
        return { ...rest, server: others };
      });
      expect((await judge(changed)).join("\n")).toContain("no keepalive");
    });
  });

  describe("delivered settings", () => {
    it("must be readable by the server", async () => {
      const changed = await mutateSettings(deployed, (content) => ({
        ...content,
        server: { ...content.server, listen: { controlPort: 0 } },
      }));
      expect((await judge(changed))[0]).toMatch(/delivered-settings-hold.*controlPort/);
    });

    it("must be those that the delivery names", async () => {
      const changed = await mutateSettings(deployed, (content) => ({ ...content, more: 1 }), false);
      expect((await judge(changed)).join("\n")).toContain("no blob of the stack holds");
    });

    it("must agree with their guest firewall", async () => {
      const changed = await mutateSettings(deployed, (content) => ({
        ...content,
        guestFirewall: content.guestFirewall.replace("50000-50099", "50000-50089"),
      }));
      expect((await judge(changed)).join("\n")).toContain("guest firewall that lacks 50090-50099");
    });

    it("must reserve the passive ports", async () => {
      const changed = await mutateSettings(deployed, (content) => ({
        ...content,
        sysctl: content.sysctl.replace("50000-50099", "50050-50099"),
      }));
      expect((await judge(changed)).join("\n")).toContain("50000-50049 unreserved");
    });

    it("must advertise an address of the stack, or one that the policy's configuration lists", async () => {
      const changed = mutate(deployed, ":PublicIPAddress", (properties) => ({
        ...properties,
        ipAddress: "203.0.113.250",
      }));
      const findings = await judge(changed);
      expect(findings).toHaveLength(1);
      const [advertised = ""] = /(?<=advertises )[\d.]+/.exec(findings[0] ?? "") ?? [];
      expect(await judge(changed, { config: { externalAddresses: [advertised] } })).toEqual([]);
    });
  });

  it("production-requires-tls on control and data connections of every site", async () => {
    const production = async (tls: Properties, own: Properties = {}, config: object = {}) => {
      const changed = await mutateSettings(deployed, (content) => ({
        ...content,
        server: {
          ...content.server,
          tls: { ...(content.server["tls"] as Properties), ...tls },
          sites: (content.server["sites"] as Properties[]).map((site) => ({ ...site, tls: own })),
        },
      }));
      const protectedOnes = changed.map((each) => ({ ...each, opts: { protect: true } }));
      const findings = await judge(protectedOnes, { config: { environment: "prod", ...config } });
      return findings.filter((finding) => finding.startsWith("production-requires-tls"));
    };
    const strict = { controlPolicy: "require", dataPolicy: "require" };
    expect(await production(strict)).toEqual([]);
    expect((await production({ ...strict, dataPolicy: "deny" })).join()).toContain(
      "tls.dataPolicy deny",
    );
    const lax = { controlPolicy: "requireForCredentials" };
    const [finding = ""] = await production(strict, lax);
    expect(finding).toContain("tls.controlPolicy requireForCredentials");
    const [site = ""] = /(?<=Site )\S+/.exec(finding) ?? [];
    expect(await production(strict, lax, { clearSites: [site] })).toEqual([]);
    expect(await production(strict, lax, { environment: "dev" })).toEqual([]);
  });
});
