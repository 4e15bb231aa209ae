/** Ports that bindings declare, on every layer that a stack makes of its settings. */
import { describe, expect, it } from "vitest";
import { deploy, parseSettings, type SettingsInput } from "#contract";
import { planAccess } from "../../infra/plan/access.ts";
import { readExposure } from "../../infra/plan/exposure.ts";
import { planMachineSettings } from "../../infra/plan/machine-settings.ts";
import { planProbeArguments } from "../../infra/plan/probe-command.ts";
import { planSecurityRules } from "../../infra/plan/security-rules.ts";

const PARTNERS: SettingsInput = {
  clientCidrs: ["198.51.100.0/24"],
  sites: [
    { name: "default" },
    {
      name: "partners",
      bindings: [
        { port: 2121 },
        { port: 2121, hostName: "b.example" },
        { channel: "implicitTls", port: 9900 },
      ],
    },
  ],
};

const ruleNamed = (input: SettingsInput, name: string) =>
  planSecurityRules(planAccess(parseSettings(input))).find((rule) => rule.name === name);
const machineOf = (input: SettingsInput) => planMachineSettings(parseSettings(input));

describe("ports of bindings", () => {
  it("join the security rule of their channel, for the same clients", () => {
    expect(ruleNamed(PARTNERS, "AllowClientsToControl")).toEqual({
      name: "AllowClientsToControl",
      description: "Clients: control connections.",
      priority: 100,
      direction: "Inbound",
      access: "Allow",
      protocol: "Tcp",
      sourcePortRange: "*",
      destinationPortRanges: ["21", "2121"],
      sourceAddressPrefix: "198.51.100.0/24",
      destinationAddressPrefix: "*",
    });
    expect(ruleNamed(PARTNERS, "AllowClientsToImplicitTls")?.destinationPortRanges).toEqual([
      "990",
      "9900",
    ]);
    const probed = { ...PARTNERS, probe: { sourceCidrs: ["192.0.2.1"] } };
    expect(ruleNamed(probed, "AllowProbeToControl")?.destinationPortRanges).toEqual(["21", "2121"]);
  });

  it("have a rule of implicit TLS where the port of the channel is off", () => {
    const rule = ruleNamed({ ...PARTNERS, implicitTlsPort: 0 }, "AllowClientsToImplicitTls");
    expect(rule?.destinationPortRange).toBe("9900");
  });

  it("are let in by the guest firewall, reserved, held by systemd and told to the server", () => {
    const { guestFirewall, sysctl, files, server } = machineOf(PARTNERS);
    expect(guestFirewall).toContain(
      'tcp dport { 21, 2121 } accept comment "AllowClientsToControl"',
    );
    expect(guestFirewall).toContain("tcp dport { 990, 9900 } accept");
    expect(sysctl).toContain(
      "ip_local_reserved_ports = 21-21,990-990,2121-2121,8021-8021,9900-9900,50000-50099",
    );
    const sockets = Object.keys(files).filter((path) => path.endsWith(".socket"));
    expect(sockets.map((path) => path.replace(/^.*\//, ""))).toEqual([
      ...["gangway-21.socket", "gangway-990.socket", "gangway-2121.socket"],
      ...["gangway-9900.socket", "gangway-8021.socket"],
    ]);
    expect(Object.values(files).join("\n")).toContain("ListenStream=9900\n");
    expect(server.sites?.[1]?.bindings?.map(({ port }) => port)).toEqual([2121, 2121, 9900]);
  });

  it("are the same on every layer of the exposure table, each with its site", () => {
    const settings = parseSettings(PARTNERS);
    const securityRules = planSecurityRules(planAccess(settings));
    const { guestFirewall, sysctl, server } = planMachineSettings(settings);
    const rows = readExposure({
      ...{ subnetNsg: { securityRules }, nicNsg: { securityRules } },
      ...{ guestFirewall, sysctl, serverSettings: server },
    });
    for (const { layer, ranges } of rows) {
      expect({ layer, ranges }).toEqual({
        layer,
        ranges: ["21-21", "990-990", "2121-2121", "8021-8021", "9900-9900", "50000-50099"],
      });
    }
    expect(rows.at(-1)?.rules.map(({ name, ports }) => [name, ...ports])).toContainEqual([
      "sites (partners).bindings",
      "9900-9900",
    ]);
  });

  it("have active data connections from the port below them", () => {
    const active = { ...PARTNERS, activeMode: true };
    expect(ruleNamed(active, "AllowActiveDataOfControl")?.sourcePortRanges).toEqual(["20", "2120"]);
    expect(ruleNamed(active, "AllowActiveDataOfImplicitTls")?.sourcePortRanges).toEqual([
      "989",
      "9899",
    ]);
    expect(machineOf(active).guestFirewall).toContain(
      "ip daddr 198.51.100.0/24 tcp sport { 20, 2120 } tcp dport 1024-65535 accept",
    );
    const low = {
      activeMode: true,
      sites: [{ name: "a" }, { name: "b", bindings: [{ port: 7 }] }],
    };
    expect(machineOf(low).sysctl).toContain("ip_unprivileged_port_start = 6");
  });

  it("are proven by the probe, which is told of none where there are none", () => {
    const argumentsOf = (input: SettingsInput) => {
      const settings = parseSettings(input);
      const deployed = deploy(settings, { publicAddress: "203.0.113.9", fqdn: undefined });
      return planProbeArguments(deployed, undefined).join(" ");
    };
    expect(argumentsOf(PARTNERS)).toContain(" --bound-ports control:2121,implicitTls:9900 ");
    expect(argumentsOf({})).not.toContain("--bound-ports");
  });
});
