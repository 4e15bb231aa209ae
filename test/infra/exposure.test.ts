import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSettings, planIdleTimeouts, type Settings, type SettingsInput } from "#contract";
import { planAccess } from "../../infra/plan/access.ts";
import {
  EXPOSURE_LAYERS,
  formatExposure,
  readExposure,
  summarizeExposure,
  type ExposureArtefacts,
  type ExposureRow,
} from "../../infra/plan/exposure.ts";
import { planMachineSettings } from "../../infra/plan/machine-settings.ts";
import { planSecurityRules } from "../../infra/plan/security-rules.ts";
import { arbitrarySettings } from "../support/arbitrary-settings.ts";

function artefactsOf(settings: Settings): ExposureArtefacts {
  const { guestFirewall, sysctl, server } = planMachineSettings(settings);
  const { publicIpSeconds, virtualNetworkSeconds } = planIdleTimeouts(settings.idleTimeoutMinutes);
  return {
    subnetNsg: { securityRules: planSecurityRules(planAccess(settings)) },
    nicNsg: { securityRules: planSecurityRules(planAccess(settings)) },
    guestFirewall,
    sysctl,
    serverSettings: server,
    virtualNetwork: { flowTimeoutInMinutes: virtualNetworkSeconds / 60 },
    publicIpAddress: { idleTimeoutInMinutes: publicIpSeconds / 60 },
  };
}

const artefactsFor = (input: SettingsInput) => artefactsOf(parseSettings(input));

/** Changes of one artefact each, and the one row that may differ then. */
const EDITS: readonly (readonly [string, (a: ExposureArtefacts) => ExposureArtefacts])[] = [
  [
    "subnetNsg",
    (a) => ({
      ...a,
      subnetNsg: {
        securityRules: a.subnetNsg?.securityRules?.map((rule) =>
          rule.name === "AllowClientsToPassiveRange"
            ? { ...rule, destinationPortRange: "50000-50050" }
            : rule,
        ),
      },
    }),
  ],
  ["subnetNsg", (a) => ({ ...a, virtualNetwork: { flowTimeoutInMinutes: 4 } })],
  [
    "nicNsg",
    (a) => ({
      ...a,
      nicNsg: {
        securityRules: a.nicNsg.securityRules?.filter(
          ({ name }) => name !== "AllowClientsToControl",
        ),
      },
    }),
  ],
  ["nicNsg", (a) => ({ ...a, publicIpAddress: { idleTimeoutInMinutes: 5 } })],
  [
    "guestFirewall",
    (a) => ({ ...a, guestFirewall: a.guestFirewall.replace("50000-50099", "50000-50098") }),
  ],
  ["reservedPorts", (a) => ({ ...a, sysctl: a.sysctl.replace("50000-50099", "50001-50099") })],
  [
    "server",
    (a) => ({
      ...a,
      serverSettings: { ...(a.serverSettings as object), listen: { controlPort: 2121 } },
    }),
  ],
];

describe("exposure", () => {
  it("shows the same ports on every layer of any valid stack", () => {
    fc.assert(
      fc.property(arbitrarySettings, (input) => {
        const rows = readExposure(artefactsFor(input));
        expect(rows.map(({ layer }) => layer)).toEqual([...EXPOSURE_LAYERS]);
        const [first] = rows;
        for (const row of rows) expect(row.ranges).toEqual(first?.ranges);
      }),
      { numRuns: 10_000 },
    );
  }, 120_000);

  it("shows the same sources in both security groups and the guest firewall", () => {
    fc.assert(
      fc.property(arbitrarySettings, (input) => {
        const [subnet, nic, guest] = readExposure(artefactsFor(input));
        const permissions = (row: ExposureRow | undefined) =>
          row?.rules
            .filter(({ protocol }) => protocol === "tcp")
            .map(({ name: _, sources, ...rule }) => ({ ...rule, sources: sources.map(asBlock) }));
        expect(permissions(nic)).toEqual(permissions(subnet));
        expect(permissions(guest)).toEqual(permissions(subnet));
      }),
      { numRuns: 500 },
    );
  });

  it.each(EDITS)("a change of %s shows in that row and in no other", (layer, edit) => {
    const artefacts = artefactsFor({});
    const before = readExposure(artefacts);
    const after = readExposure(edit(artefacts));
    const changed = before.filter(
      (row, index) => JSON.stringify(row) !== JSON.stringify(after[index]),
    );
    expect(changed.map((row) => row.layer)).toEqual([layer]);
  });

  it("shows what a security group without its deny-all lets in by Azure's own rules", () => {
    const artefacts = artefactsFor({ clientCidrs: ["198.51.100.0/24"] });
    const [row] = readExposure({
      ...artefacts,
      subnetNsg: {
        securityRules: artefacts.subnetNsg?.securityRules?.filter(
          ({ access }) => access !== "Deny",
        ),
      },
    });
    expect(row?.ranges).toEqual(["1-65535"]);
    expect(row?.sources).toContain("VirtualNetwork");
  });

  it("leaves out what an earlier rule denies", () => {
    const artefacts = artefactsFor({});
    const [row] = readExposure({
      ...artefacts,
      subnetNsg: {
        securityRules: [
          {
            name: "Stop",
            priority: 99,
            direction: "Inbound",
            access: "Deny",
            protocol: "Tcp",
            sourcePortRange: "*",
            sourceAddressPrefix: "*",
            destinationPortRange: "50010-65535",
            destinationAddressPrefix: "*",
          },
          ...(artefacts.subnetNsg?.securityRules ?? []),
        ],
      },
    });
    expect(row?.ranges).toEqual(["21-21", "990-990", "8021-8021", "50000-50009"]);
  });

  it("shows an open guest firewall as open", () => {
    const artefacts = artefactsFor({});
    const open = artefacts.guestFirewall.replace("policy drop", "policy accept");
    const row = readExposure({ ...artefacts, guestFirewall: open })[2];
    expect(row?.ranges).toEqual(["1-65535"]);
    const none = readExposure({ ...artefacts, guestFirewall: "" })[2];
    expect(none?.ranges).toEqual(["1-65535"]);
  });

  it("says which rule of a guest firewall it cannot read", () => {
    const artefacts = artefactsFor({});
    const foreign = artefacts.guestFirewall.replace(
      "policy drop;",
      "policy drop;\n jump elsewhere",
    );
    expect(() => readExposure({ ...artefacts, guestFirewall: foreign })).toThrow("jump elsewhere");
  });

  it("shows active mode as connections of the machine, from the ports below the control ports", () => {
    const rows = readExposure(artefactsFor({ activeMode: true }));
    for (const { layer, rules } of rows.filter(({ rules }) => rules.length > 0)) {
      const outbound = rules.filter(({ direction }) => direction === "outbound");
      expect({ layer, ports: outbound.flatMap(({ sourcePorts }) => sourcePorts) }).toEqual({
        layer,
        ports: ["20-20", "989-989"],
      });
    }
    expect(formatExposure(rows)).toMatch(
      /outbound +tcp +1024-65535 +to 0\.0\.0\.0\/0 +20-20 +AllowActiveDataOfControl/,
    );
    expect(summarizeExposure(rows).at(-1)?.rules).toContain(
      "outbound tcp 1024-65535 to 0.0.0.0/0, source port 989-989 (activeData of implicitTlsPort)",
    );
  });

  it("says of a given subnet that its security group is its owner's", () => {
    const { subnetNsg: _, virtualNetwork: __, ...given } = artefactsFor({});
    const [row] = readExposure(given);
    expect(row).toMatchObject({ layer: "subnetNsg", ranges: [], rules: [] });
    expect(row?.note).toContain("has to let in what nicNsg lets in");
    expect(formatExposure(row === undefined ? [] : [row])).toMatch(
      /^subnetNsg +unknown +given subnet/m,
    );
  });

  it("is a table with one line per permission", () => {
    const table = formatExposure(
      readExposure(artefactsFor({ probe: { sourceCidrs: ["192.0.2.1"] } })),
    );
    expect(table).toMatch(
      /^subnetNsg +inbound +tcp +21-21 +from 0\.0\.0\.0\/0 +any +AllowClientsToControl/m,
    );
    expect(table).toMatch(
      /^ +inbound +tcp +50000-50099 +from 192\.0\.2\.1\/32 +any +AllowProbeToPassiveRange/m,
    );
    expect(table).toMatch(/^reservedPorts .*50000-50099/m);
    expect(table).toMatch(/idle 1800 s/);
  });
});

function asBlock(peer: string): string {
  return peer.includes("/") || !/^\d/.test(peer) ? peer : `${peer}/32`;
}
