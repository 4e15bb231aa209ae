import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ContractError,
  deploy,
  joinDeployment,
  parseSettings,
  parseWith,
  planDeployment,
  planServerSettings,
  serverSettingsSchema,
  settingsSchema,
} from "#contract";
import { arbitrarySettings } from "../../support/arbitrary-settings.ts";

const HASH = "$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA";
const PATHS = {
  certificatesFolder: "certificates",
  dataFolder: "/srv/files",
  logFolder: "../../var/log/files",
};
const assigned = { publicAddress: "203.0.113.7", fqdn: "site.example" };

describe("settings joined with what Azure assigned", () => {
  it("advertise the assigned address, unless another is declared", () => {
    expect(deploy(parseSettings({}), assigned).advertisedAddress).toBe("203.0.113.7");
    const declared = parseSettings({ externalAddress: "20.1.2.3" });
    expect(deploy(declared, assigned).advertisedAddress).toBe("20.1.2.3");
  });

  it("name a certificate after declared names, the DNS name and the address, each once", () => {
    const settings = parseSettings({
      certificate: { hostNames: ["ftp.example.org", "site.example"] },
    });
    expect(deploy(settings, assigned).certificateNames).toEqual([
      "ftp.example.org",
      "site.example",
      "203.0.113.7",
    ]);
    expect(deploy(parseSettings({}), { ...assigned, fqdn: undefined }).certificateNames).toEqual([
      "203.0.113.7",
    ]);
  });

  it("give the machine the probe's account, unless the probe is off", () => {
    const deployed = deploy(parseSettings({}), assigned);
    expect(planDeployment(deployed, undefined).accounts).toEqual([]);
    const [account] = planDeployment(deployed, HASH).accounts;
    expect(account).toMatchObject({ name: "gangway-probe", passwordHash: HASH });
    expect(account?.home).not.toBe("/");
  });
});

describe("the server's settings", () => {
  it("are what the stack declared, for every stack", () => {
    fc.assert(
      fc.property(arbitrarySettings, (input) => {
        const settings = parseSettings(input);
        const file: unknown = JSON.parse(JSON.stringify(planServerSettings(settings, PATHS)));
        const { listen, passive, keepalive } = parseWith(serverSettingsSchema, file);
        expect(listen.controlPort).toBe(settings.controlPort);
        expect(listen.implicitTlsPort).toBe(settings.implicitTlsPort);
        expect(listen.healthProbePort).toBe(settings.healthProbePort);
        expect(passive.ports).toEqual(settings.passivePorts);
        expect(keepalive?.idleSeconds).toBeLessThan(settings.idleTimeoutMinutes * 60);
        if (settings.keepaliveSeconds > 0) {
          expect(keepalive?.idleSeconds).toBe(settings.keepaliveSeconds);
        }
      }),
    );
  });

  it("join with the deployment: its address, and its accounts besides their own", () => {
    const settings = parseSettings({ accounts: [{ name: "ann", passwordHash: HASH }] });
    const joined = joinDeployment(
      planServerSettings(settings, PATHS),
      planDeployment(deploy(settings, assigned), HASH),
    );
    expect(joined.passive.advertisedAddress).toBe("203.0.113.7");
    expect(joined.accounts.map(({ name }) => name)).toEqual(["ann", "gangway-probe"]);
  });

  it("stand alone, without a deployment", () => {
    const file = planServerSettings(parseSettings({}), PATHS);
    expect(joinDeployment(file, undefined).passive.advertisedAddress).toBeUndefined();
  });

  it.each([
    [{ advertisedAddress: "somewhere" }],
    [{ advertisedAddress: "203.0.113.7", acounts: [] }],
    [{}],
  ])("refuse the deployment %j", (deployment) => {
    const file = planServerSettings(parseSettings({}), PATHS);
    expect(() => joinDeployment(file, deployment)).toThrow(ContractError);
  });
});

it("every setting has a default and a description, which the generated block needs", () => {
  const missing = Object.entries(settingsSchema.entries)
    .filter(([, schema]) => {
      const described = JSON.stringify(schema.wrapped).includes('"type":"description"');
      return schema.default === undefined || !described;
    })
    .map(([name]) => name);
  expect(missing).toEqual([]);
});
