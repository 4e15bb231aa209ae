/** Ports of bindings in the settings of a stack: which control ports follow, and what cannot be. */
import { describe, expect, it } from "vitest";
import { ContractError, controlPorts, parseSettings, type SettingsInput } from "#contract";

type Binding = NonNullable<NonNullable<SettingsInput["sites"]>[number]["bindings"]>[number];

const stack = (bindings: readonly Binding[], more: SettingsInput = {}): SettingsInput => ({
  ...more,
  sites: [{ name: "default" }, { name: "own", bindings: [...bindings] }],
});

function messageOf(input: unknown): string {
  try {
    parseSettings(input);
    return "";
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return error.message;
  }
}

describe("the control ports of a stack", () => {
  it("are those of the channels, then those of bindings, each once", () => {
    const { sites, ...settings } = parseSettings(
      stack([
        { channel: "implicitTls", port: 9900 },
        { port: 2121 },
        { port: 2121, hostName: "b" },
      ]),
    );
    expect(controlPorts(settings, sites)).toEqual([
      { port: 21, channel: "control", setting: "controlPort" },
      { port: 990, channel: "implicitTls", setting: "implicitTlsPort" },
      { port: 2121, channel: "control", setting: "sites (own).bindings" },
      { port: 9900, channel: "implicitTls", setting: "sites (own).bindings" },
    ]);
  });

  it("may have implicit TLS on ports of bindings alone", () => {
    const input = stack([{ channel: "implicitTls", port: 9900 }], { implicitTlsPort: 0 });
    const settings = parseSettings(input);
    expect(controlPorts(settings, settings.sites).map(({ port }) => port)).toEqual([21, 9900]);
  });
});

describe("ports of bindings that cannot be", () => {
  it.each([
    [{ port: 21 }, {}, "21 is controlPort: leave the port out; choose another port"],
    [{ port: 990 }, {}, "990 is implicitTlsPort: leave the port out; choose another port"],
    [{ port: 8021 }, {}, "8021 is healthProbePort; choose another port"],
    [{ port: 50_007 }, {}, "50007 lies in passivePorts 50000-50099; choose another port"],
    [{ port: 20 }, { activeMode: true }, "20 is activeMode (data port of controlPort); choose"],
  ] as const)("%j with %j", (binding, more, problem) => {
    expect(messageOf(stack([binding], more))).toContain(`sites (own).bindings: ${problem}`);
  });

  it("the port of SSH, where administrators log in through Bastion", () => {
    const bastion = {
      mode: "basic",
      sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada",
    } as const;
    expect(messageOf(stack([{ port: 22 }], { bastion }))).toBe(
      "sites (own).bindings: 22 is bastion (SSH); choose another port.",
    );
    expect(messageOf({ controlPort: 22, bastion })).toContain(
      "controlPort: 22 is also bastion (SSH)",
    );
    expect(messageOf(stack([{ port: 22 }]))).toBe("");
  });

  it("one port for two channels", () => {
    expect(messageOf(stack([{ port: 2121 }, { channel: "implicitTls", port: 2121 }]))).toBe(
      "sites (own).bindings: implicitTls on 2121 is bound to the channel control too; give each channel a port of its own.",
    );
  });

  it("ports whose active data port something else has, or which have none", () => {
    expect(messageOf(stack([{ port: 22 }]))).toBe("");
    expect(messageOf(stack([{ port: 22 }], { activeMode: true }))).toContain(
      "activeMode (data port of sites (own).bindings): 21 is also controlPort",
    );
    expect(messageOf(stack([{ port: 1 }], { activeMode: true }))).toContain(
      "leaves no data port below it for active mode",
    );
  });

  it.each([0, 65_536, 21.5, "21"])("%j, which is no port", (port) => {
    expect(messageOf({ sites: [{ name: "own", bindings: [{ port }] }] })).toMatch(
      /^sites\.0\.bindings\.0\.port: "?[\d.]+"? is .+; .+/,
    );
  });

  it("an address: a stack has one", () => {
    expect(messageOf({ sites: [{ name: "own", bindings: [{ address: "10.0.0.4" }] }] })).toMatch(
      /^sites\.0\.bindings\.0\.address: .*not a setting/,
    );
  });
});
