import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ContractError,
  formatFinding,
  nearestName,
  parseSettings,
  settingsSchema,
} from "#contract";
import { findingsOf } from "../../support/findings.ts";

const NAMES = Object.keys(settingsSchema.entries);

describe("unknown settings", () => {
  it.each([
    ["passivePort", "passivePorts"],
    ["PassivePorts", "passivePorts"],
    ["idleTimeoutMinute", "idleTimeoutMinutes"],
    ["clientCidr", "clientCidrs"],
    ["extrenalAddress", "externalAddress"],
  ])("%s: did you mean %s", (written, meant) => {
    expect(findingsOf({ [written]: "x" })).toEqual([
      {
        setting: written,
        value: '"x"',
        problem: "is not a setting that Gangway knows",
        fix: `did you mean ${meant}`,
      },
    ]);
  });

  it("are found inside objects and lists, by their whole path", () => {
    const paths = findingsOf({
      tls: { dataPolcy: "allow" },
      accounts: [{ name: "ann", anonymous: true, pasword: "x" }],
    }).map(({ setting, fix }) => `${setting}: ${fix}`);
    expect(paths).toEqual([
      "tls.dataPolcy: did you mean dataPolicy",
      expect.stringMatching(/^accounts\.0\.pasword: /),
    ]);
  });

  it("list what is known when nothing is near", () => {
    expect(findingsOf({ tls: { zzzzzzzz: 1 } })[0]?.fix).toBe(
      "remove it, known here: controlPolicy, dataPolicy, minVersion, ciphers, sessionReuse, clearCommandChannel, clientCertificates",
    );
  });
});

describe("the nearest name", () => {
  it("is the name itself, however it is capitalised", () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), (name) => {
        expect(nearestName(name, NAMES)).toBe(name);
        expect(nearestName(name.toUpperCase(), NAMES)).toBe(name);
      }),
    );
  });

  it("is found through one missing, doubled or wrong letter", () => {
    // A shorter name may become another one: "ts" is as near to tls as to tags.
    const long = NAMES.filter(({ length }) => length >= 6);
    const mistake = fc.constantFrom(...long).chain((name) =>
      fc
        .tuple(
          fc.integer({ min: 0, max: name.length - 1 }),
          fc.constantFrom("missing", "doubled", "wrong"),
        )
        .map(([at, kind]) => {
          const letter = name[at] ?? "";
          const instead = { missing: "", doubled: letter + letter, wrong: "_" }[kind];
          return { name, written: name.slice(0, at) + (instead ?? "") + name.slice(at + 1) };
        }),
    );
    fc.assert(
      fc.property(mistake, ({ name, written }) => {
        expect(nearestName(written, NAMES)).toBe(name);
      }),
    );
  });

  it("is none for a name that is like no other", () => {
    expect(nearestName("qqqqqqqqqq", NAMES)).toBeUndefined();
    expect(nearestName("anything", [])).toBeUndefined();
  });
});

describe("wrong values", () => {
  it.each<[string, unknown, string]>([
    ["controlPort", "21", '"21"'],
    ["controlPort", 0, "0"],
    ["controlPort", 65536, "65536"],
    ["controlPort", 21.5, "21.5"],
    ["implicitTlsPort", -1, "-1"],
    ["passivePorts", "fifty", '"fifty"'],
    ["passiveSlices", 0, "0"],
    ["idleTimeoutMinutes", 3, "3"],
    ["idleTimeoutMinutes", 31, "31"],
    ["clientCidrs", "10.0.0.0/8", '"10.0.0.0/8"'],
    ["externalAddress", "example.org", '"example.org"'],
    ["environment", "production", '"production"'],
    ["topology", "fleet-of-one", '"fleet-of-one"'],
    ["dnsLabel", "-bad", '"-bad"'],
    ["activeMode", "yes", '"yes"'],
    ["tags", { a: 1 }, "1"],
  ])("%s %j: named with its value, and with what to do", (setting, value, printed) => {
    const [finding, ...others] = findingsOf({ [setting]: value });
    expect(others).toEqual([]);
    expect(finding?.setting.split(".")[0]).toBe(setting);
    expect(finding?.value).toBe(printed);
    expect(finding?.problem).not.toBe("");
    expect(finding?.fix).not.toMatch(/^$|another value|undefined/);
  });

  it("point at the element of a list", () => {
    expect(findingsOf({ clientCidrs: ["10.0.0.0/8", "10.0.0.1/8"] })).toEqual([
      expect.objectContaining({ setting: "clientCidrs.1", value: '"10.0.0.1/8"' }),
    ]);
  });

  it.each([undefined, null, "text", 7])("does not take %j for settings", (declared) => {
    expect(() => parseSettings(declared)).toThrow(ContractError);
  });

  it("do not show a password that was written in place of its hash", () => {
    const [finding] = findingsOf({ accounts: [{ name: "ann", passwordHash: "hunter2" }] });
    expect(finding?.setting).toBe("accounts.0.passwordHash");
    expect(JSON.stringify(finding)).not.toContain("hunter2");
  });

  it("never end in anything but a ContractError with complete findings", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), fc.jsonValue()),
        (declared) => {
          for (const { setting, value, problem, fix } of findingsOf(declared)) {
            expect([setting, value, problem, fix].every((part) => part.trim() !== "")).toBe(true);
          }
        },
      ),
    );
  });
});

describe("what the environment decides", () => {
  const production = {
    environment: "prod",
    clientCidrs: ["198.51.100.0/24"],
    certificate: { keyVaultSecretId: "https://site.vault.azure.net/secrets/ftp" },
    machine: { image: "Canonical:ubuntu-24_04-lts:server:24.04.202610010" },
  };

  it("is lenient in dev: TLS for credentials, data as the client likes", () => {
    expect(parseSettings({})).toMatchObject({
      tls: { controlPolicy: "requireForCredentials", dataPolicy: "allow" },
      certificate: { kind: "selfSigned" },
    });
  });

  it("is strict in prod: TLS on both channels, a certificate from the vault", () => {
    expect(parseSettings(production)).toMatchObject({
      tls: { controlPolicy: "require", dataPolicy: "require" },
      certificate: { kind: "keyVault" },
    });
  });

  it("gives way to what was written", () => {
    expect(
      parseSettings({ ...production, tls: { dataPolicy: "deny", controlPolicy: "allow" } }).tls,
    ).toMatchObject({ controlPolicy: "allow", dataPolicy: "deny" });
  });

  it("has nothing to do with implicit TLS, which 0 switches off", () => {
    expect(parseSettings({ implicitTlsPort: 0 }).implicitTlsPort).toBeUndefined();
    expect(parseSettings({}).implicitTlsPort).toBe(990);
  });
});

it("a finding is one line: setting, value, problem, fix", () => {
  expect(
    formatFinding({ setting: "controlPort", value: "0", problem: "is below 1", fix: "use 21" }),
  ).toBe("controlPort: 0 is below 1; use 21.");
});
