import { describe, expect, it } from "vitest";
import { parseWith, serverSettingsSchema } from "#contract";
import {
  compareSettings,
  formatSettingChanges,
  withoutSecrets,
} from "../../../cli/settings/difference.ts";
import { formatAccess, reportAccess } from "../../../cli/settings/explain.ts";

const declared = {
  listen: { controlPort: 21 },
  passive: { ports: "50000-50099" },
  dataFolder: "data",
  sites: [
    {
      name: "files",
      root: "files",
      userIsolation: { mode: "userName" },
      requestFiltering: { hiddenSegments: ["_private"] },
      virtualDirectories: [{ path: "/LocalUser/ann/shared", folder: "elsewhere" }],
      authorization: [
        { effect: "allow", users: ["*"], permissions: ["read"] },
        { effect: "deny", path: "/LocalUser/ann/no.txt", users: ["ann"] },
      ],
    },
  ],
  accounts: [{ name: "ann" }, { name: "bob", disabled: true }],
};
const settings = parseWith(serverSettingsSchema, declared);
const ask = (user: string, path: string) => reportAccess(settings, { user, path, site: undefined });

describe("gangway access", () => {
  it("names the rule that decides, at the path where isolation puts the account", () => {
    const report = ask("ann", "no.txt");
    expect(report).toMatchObject({
      sitePath: "/LocalUser/ann/no.txt",
      folder: "files/LocalUser/ann/no.txt",
    });
    expect(report.rights.every(({ allowed }) => !allowed)).toBe(true);
    expect(formatAccess(report)).toContain("denied by authorization.1");
  });

  it("follows virtual directories", () => {
    const report = ask("ann", "/shared/a.txt");
    expect(report.folder).toBe("elsewhere/a.txt");
    expect(report.rights.filter(({ allowed }) => allowed).map(({ right }) => right)).toEqual([
      "list",
      "read",
    ]);
  });

  it("says what refuses everything: the filter, a disabled account", () => {
    expect(ask("ann", "/_private/x").refusal).toContain("hiddenSegments");
    expect(ask("bob", "/").refusal).toContain("disabled");
  });

  it("refuses an account that nobody declares, with the nearest name", () => {
    expect(() => ask("anm", "/")).toThrow(/no account anm[^]*ann/u);
  });
});

describe("gangway config diff", () => {
  const diff = (change: object): string =>
    formatSettingChanges(
      compareSettings(settings, parseWith(serverSettingsSchema, { ...declared, ...change })),
    );

  it("names what changes by site and account, wherever they stand in their lists", () => {
    expect(diff({})).toBe("");
    expect(diff({ accounts: [...declared.accounts].reverse() })).toBe("");
    expect(diff({ listen: { controlPort: 2121 } })).toMatch(
      /^listen\.controlPort: 21 becomes 2121 \(/u,
    );
    expect(diff({ accounts: [{ name: "ann", disabled: true }] })).toMatch(
      /accounts\.ann\.disabled: false becomes true[^\n]*\naccounts\.bob: is removed/u,
    );
  });

  it("never prints a password's hash", () => {
    const passwordHash = "$scrypt$ln=4,r=8,p=1$c2FsdA$aGFzaA";
    const text = diff({ accounts: [{ name: "ann", passwordHash }, declared.accounts[1]] });
    expect(text).toContain("another password");
    expect(text).not.toContain("scrypt");
    const after = {
      ...declared,
      accounts: [
        { name: "ann", passwordHash },
        { name: "eve", passwordHash },
      ],
    };
    const changes = compareSettings(settings, parseWith(serverSettingsSchema, after));
    expect(JSON.stringify(withoutSecrets(changes))).not.toContain("scrypt");
    expect(diff({ accounts: [...declared.accounts, { name: "eve", passwordHash }] })).not.toContain(
      "scrypt",
    );
  });
});
