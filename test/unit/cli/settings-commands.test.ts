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

  it("asks the rules about addresses, at the login and at the path", () => {
    const [site] = declared.sites;
    const ipRestrictions = {
      unspecifiedClients: "deny",
      rules: [
        { effect: "allow", address: "198.51.100.0/24" },
        { effect: "allow", hostName: "*.partner.example" },
        { effect: "deny", address: "198.51.100.9", path: "/LocalUser/ann/shared" },
      ],
    };
    const restricted = parseWith(serverSettingsSchema, {
      ...declared,
      sites: [{ ...site, ipRestrictions }],
    });
    const from = (address: string, path: string, hostNames?: readonly string[]) =>
      reportAccess(restricted, { user: "ann", path, site: undefined, address, hostNames });
    expect(from("198.51.100.9", "/a.txt").refusal).toBeUndefined();
    expect(from("198.51.100.9", "/shared/a.txt").refusal).toContain("ipRestrictions.rules.2");
    expect(from("203.0.113.1", "/a.txt").refusal).toContain("unspecifiedClients");
    expect(from("203.0.113.1", "/a.txt", ["ftp.partner.example"]).refusal).toBeUndefined();
    expect(from("::ffff:198.51.100.9", "/a.txt").client[0]).toContain("ipRestrictions.rules.0");
    expect(() => from("198.51.100", "/a.txt")).toThrow(/not an IP address/u);
  });

  it("takes the hook's answer for a user whom the settings do not hold", () => {
    const [site] = declared.sites;
    const hooked = parseWith(serverSettingsSchema, {
      ...declared,
      sites: [
        {
          ...site,
          userIsolation: { mode: "customHome" },
          authorization: [{ effect: "allow", groups: ["staff"], permissions: ["read"] }],
        },
      ],
    });
    const answered = (groups: readonly string[]) =>
      reportAccess(hooked, {
        user: "dora",
        path: "/a.txt",
        site: undefined,
        hookAnswer: { groups, home: "/homes/dora" },
      });
    expect(answered(["staff"])).toMatchObject({ sitePath: "/homes/dora/a.txt" });
    expect(answered(["staff"]).rights.filter(({ allowed }) => allowed)).toHaveLength(2);
    expect(answered([]).rights.filter(({ allowed }) => allowed)).toEqual([]);
    expect(() =>
      reportAccess(hooked, { user: "ann", path: "/", site: undefined, hookAnswer: {} }),
    ).toThrow(/hook is not asked/u);
  });

  it("filters extensions of files, and takes what ends in a slash for a folder", () => {
    const [site] = declared.sites;
    const requestFiltering = { fileExtensions: { mode: "deny", extensions: [".exe"] } };
    const sites = [{ ...site, requestFiltering }];
    const filtered = parseWith(serverSettingsSchema, { ...declared, sites });
    const refusalOf = (path: string) =>
      reportAccess(filtered, { user: "ann", path, site: undefined }).refusal;
    expect(refusalOf("/x.exe")).toContain("fileExtensions");
    expect(refusalOf("/x.exe/")).toBeUndefined();
  });

  it("puts a command to the request filter", () => {
    const [site] = declared.sites;
    const filtered = parseWith(serverSettingsSchema, {
      ...declared,
      sites: [
        {
          ...site,
          requestFiltering: { commands: { mode: "deny", names: ["SITE CHMOD", "DELE"] } },
        },
      ],
    });
    const refusalOf = (command: string) =>
      reportAccess(filtered, { user: "ann", path: "/", site: undefined, command }).refusal;
    expect([refusalOf("dele"), refusalOf("SITE CHMOD")].join()).toMatch(/DELE.*SITE CHMOD/u);
    expect(refusalOf("SITE UTIME")).toBeUndefined();
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
