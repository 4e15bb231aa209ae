import { describe, expect, it } from "vitest";
import { parseSettings, type SettingsInput } from "#contract";
import { planAccess } from "../../infra/plan/access.ts";
import { planSecurityRules } from "../../infra/plan/security-rules.ts";

const rulesOf = (input: SettingsInput) => planSecurityRules(planAccess(parseSettings(input)));
const named = (input: SettingsInput, name: string) =>
  rulesOf(input).find((rule) => rule.name === name);

describe("security rules", () => {
  it("admit clients to control port, implicit TLS port and passive range, and nobody else", () => {
    expect(
      rulesOf({}).map(({ name, destinationPortRange }) => [name, destinationPortRange]),
    ).toEqual([
      ["AllowClientsToControl", "21"],
      ["AllowClientsToImplicitTls", "990"],
      ["AllowClientsToPassiveRange", "50000-50099"],
      ["AllowAzureToHealth", "8021"],
      ["DenyAllInbound", "*"],
    ]);
  });

  it("put ports into the destination and leave the source port open", () => {
    for (const rule of rulesOf({}).filter(({ access }) => access === "Allow")) {
      expect(rule.sourcePortRange).toBe("*");
      expect(rule.destinationPortRange).not.toBe("*");
      expect(rule.protocol).toBe("Tcp");
    }
  });

  it("end with a deny-all, after Azure's health probe was admitted", () => {
    const rules = rulesOf({}).toSorted((a, b) => a.priority - b.priority);
    expect(rules.at(-1)).toMatchObject({ access: "Deny", protocol: "*", priority: 4096 });
    expect(named({}, "AllowAzureToHealth")?.sourceAddressPrefix).toBe("AzureLoadBalancer");
  });

  it("have priorities that are Azure's, and unique in their direction", () => {
    const rules = rulesOf({
      activeMode: true,
      adminCidrs: ["192.0.2.0/24"],
      probe: { sourceCidrs: ["192.0.2.9"] },
    });
    const keys = rules.map(({ direction, priority }) => `${direction} ${String(priority)}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { priority } of rules) {
      expect(priority).toBeGreaterThanOrEqual(100);
      expect(priority).toBeLessThanOrEqual(4096);
    }
  });

  it("write one block in the singular and several in the plural property", () => {
    const one = named({ clientCidrs: ["198.51.100.0/24"] }, "AllowClientsToControl");
    expect(one?.sourceAddressPrefix).toBe("198.51.100.0/24");
    expect(one?.sourceAddressPrefixes).toBeUndefined();
    const two = named({ clientCidrs: ["198.51.100.0/24", "203.0.113.7"] }, "AllowClientsToControl");
    expect(two?.sourceAddressPrefix).toBeUndefined();
    expect(two?.sourceAddressPrefixes).toEqual(["198.51.100.0/24", "203.0.113.7/32"]);
  });

  it("leave out blocks that another one covers, which Azure would refuse", () => {
    const rule = named(
      { clientCidrs: ["198.51.100.7", "198.51.100.0/24", "198.51.100.0/24"] },
      "AllowClientsToControl",
    );
    expect(rule?.sourceAddressPrefix).toBe("198.51.100.0/24");
  });

  it("let active data connections out from the ports below the control ports", () => {
    const rules = rulesOf({ activeMode: true, clientCidrs: ["198.51.100.0/24"] });
    expect(rules.filter(({ direction }) => direction === "Outbound")).toMatchObject([
      {
        sourcePortRange: "20",
        destinationPortRange: "1024-65535",
        destinationAddressPrefix: "198.51.100.0/24",
      },
      { sourcePortRange: "989", destinationAddressPrefix: "198.51.100.0/24" },
    ]);
    expect(rulesOf({}).some(({ direction }) => direction === "Outbound")).toBe(false);
  });

  it("omit the implicit TLS port when it is off", () => {
    expect(named({ implicitTlsPort: 0 }, "AllowClientsToImplicitTls")).toBeUndefined();
  });
});
