import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  countPorts,
  parseSettings,
  sliceRange,
  WIDEST_PASSIVE_RANGE,
  type Finding,
  type SettingsInput,
} from "#contract";
import { arbitrarySettings } from "../../support/arbitrary-settings.ts";
import { findingsOf } from "../../support/findings.ts";

const PRODUCTION: SettingsInput = {
  environment: "prod",
  clientCidrs: ["198.51.100.0/24"],
  certificate: { keyVaultSecretId: "https://site.vault.azure.net/secrets/ftp" },
  machine: { image: "Canonical:ubuntu-24_04-lts:server:24.04.202610010" },
};
const manyCidrs = Array.from(
  { length: 4001 },
  (_, index) => `20.${String(index >> 8)}.${String(index & 255)}.0/24`,
);

describe("every violated rule names setting, value and fix", () => {
  it.each<[string, SettingsInput, Partial<Finding>]>([
    [
      "range inverted",
      { passivePorts: "50099-50000" },
      {
        setting: "passivePorts",
        value: "50099-50000",
        problem: "is inverted",
        fix: "write first-last: 50000-50099",
      },
    ],
    [
      "range below 1024",
      { passivePorts: "1000-1099" },
      { setting: "passivePorts", value: "1000-1099", problem: "begins below 1024" },
    ],
    [
      "range wider than the rule budget",
      { passivePorts: "20000-30000" },
      {
        setting: "passivePorts",
        value: "20000-30000",
        fix: "narrow it, for example to 20000-21497; 100 ports already serve 100 pending transfers per client address",
      },
    ],
    [
      "range over the control port",
      { passivePorts: "2000-2099", controlPort: 2021 },
      { setting: "passivePorts", value: "2000-2099", problem: "overlaps controlPort 2021" },
    ],
    [
      "range over the implicit TLS port",
      { passivePorts: "2000-2099", implicitTlsPort: 2099 },
      { setting: "passivePorts", problem: "overlaps implicitTlsPort 2099" },
    ],
    [
      "range over the probe port",
      { passivePorts: "8000-8099" },
      { setting: "passivePorts", problem: "overlaps healthProbePort 8021" },
    ],
    [
      "range over the port of active data connections",
      { passivePorts: "2000-2099", controlPort: 2100, activeMode: true },
      { setting: "passivePorts", problem: "overlaps activeMode (data port of controlPort) 2099" },
    ],
    [
      "one port twice",
      { controlPort: 990 },
      {
        setting: "implicitTlsPort",
        value: "990",
        problem: "is also controlPort",
        fix: "give implicitTlsPort a port of its own",
      },
    ],
    [
      "no port left for active mode",
      { controlPort: 1, activeMode: true },
      {
        setting: "controlPort",
        value: "1",
        fix: "choose a controlPort of 2 or more, or set activeMode to false",
      },
    ],
    [
      "slices that do not divide",
      { passiveSlices: 3 },
      {
        setting: "passiveSlices",
        value: "3",
        fix: "choose a divisor of 100, or a range of 99 ports: 50000-50098",
      },
    ],
    [
      "more slices than ports",
      { passivePorts: "50000-50001", passiveSlices: 4 },
      { setting: "passiveSlices", value: "4", fix: "choose a divisor of 2, or a wider range" },
    ],
    [
      "keepalive not below the idle timeout",
      { idleTimeoutMinutes: 4, keepaliveSeconds: 240 },
      {
        setting: "keepaliveSeconds",
        value: "240",
        fix: "set it to 0 to derive it, or below the idle timeout",
      },
    ],
    [
      "private external address",
      { externalAddress: "10.0.0.4" },
      { setting: "externalAddress", value: "10.0.0.4" },
    ],
    [
      "too many client blocks",
      { clientCidrs: manyCidrs },
      { setting: "clientCidrs", fix: "join neighbouring blocks into larger ones" },
    ],
    [
      "subnet outside of its network",
      { network: { subnetCidr: "10.21.0.0/24" } },
      {
        setting: "network.subnetCidr",
        value: "10.21.0.0/24",
        fix: "choose a block inside the virtual network",
      },
    ],
    [
      "an account twice",
      {
        accounts: [
          { name: "ann", anonymous: true },
          { name: "ann", anonymous: true },
        ],
      },
      { setting: "accounts", value: "ann", problem: "is declared more than once" },
    ],
    [
      "a site twice",
      { sites: [{ name: "a" }, { name: "a" }] },
      { setting: "sites", value: "a", problem: "is declared more than once" },
    ],
    [
      "an account of the probe's name",
      { accounts: [{ name: "gangway-probe", anonymous: true }] },
      {
        setting: "accounts",
        value: "gangway-probe",
        fix: "rename the account, or set probe.account to another name",
      },
    ],
    [
      "an account without password",
      { accounts: [{ name: "ann" }] },
      { setting: "accounts (ann)", value: "no passwordHash" },
    ],
    [
      "production without client blocks",
      { ...PRODUCTION, clientCidrs: [] },
      {
        setting: "clientCidrs",
        value: "(empty)",
        fix: 'list the clients\' blocks, or write ["0.0.0.0/0"] to admit everyone on purpose',
      },
    ],
    [
      "production with an image that moves",
      { ...PRODUCTION, machine: {} },
      { setting: "machine.image", value: "Canonical:ubuntu-24_04-lts:server:latest" },
    ],
    [
      "a key vault certificate without its secret",
      { ...PRODUCTION, certificate: {} },
      { setting: "certificate.keyVaultSecretId", value: "(empty)" },
    ],
  ])("%s", (_name, declared, expected) => {
    const findings = findingsOf(declared);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject(expected);
    for (const part of Object.values(findings[0] ?? {})) expect(part).not.toBe("");
  });

  it("reports all of them at once", () => {
    const settings = findingsOf({
      passivePorts: "50099-50000",
      externalAddress: "127.0.0.1",
      keepaliveSeconds: 1800,
    }).map(({ setting }) => setting);
    expect(settings).toEqual(["passivePorts", "keepaliveSeconds", "externalAddress"]);
  });
});

describe("what is allowed on purpose", () => {
  it.each<[string, SettingsInput]>([
    ["the defaults", {}],
    ["complete production settings", PRODUCTION],
    ["the widest range", { passivePorts: `20000-${String(20000 + WIDEST_PASSIVE_RANGE - 1)}` }],
    ["a range of one port", { passivePorts: "50000" }],
    [
      "a private external address with the override",
      { externalAddress: "10.0.0.4", allowPrivateExternalAddress: true },
    ],
    ["a keepalive just below the idle timeout", { idleTimeoutMinutes: 4, keepaliveSeconds: 239 }],
    ["no implicit TLS", { implicitTlsPort: 0, controlPort: 990 }],
    ["a disabled account without password", { accounts: [{ name: "ann", disabled: true }] }],
    [
      "production open to everyone, in so many words",
      { ...PRODUCTION, clientCidrs: ["0.0.0.0/0"] },
    ],
  ])("%s", (_name, declared) => {
    expect(findingsOf(declared)).toEqual([]);
  });
});

describe("settings that the contract approves of", () => {
  it("keep every port apart, and their slices cover the range", () => {
    fc.assert(
      fc.property(arbitrarySettings, (input) => {
        const { controlPort, implicitTlsPort, healthProbePort, passivePorts, passiveSlices } =
          parseSettings(input);
        const fixed = [controlPort, implicitTlsPort, healthProbePort].filter(
          (port) => port !== undefined,
        );
        expect(new Set(fixed).size).toBe(fixed.length);
        for (const port of fixed) {
          expect(port < passivePorts.first || port > passivePorts.last).toBe(true);
        }
        const sliced = sliceRange(passivePorts, passiveSlices).map(countPorts);
        expect(sliced.reduce((sum, count) => sum + count, 0)).toBe(countPorts(passivePorts));
      }),
    );
  });
});
