import { describe, expect, test } from "vitest";
import { RIGHTS, type AuthorizationRule, type IpRule, type Permission } from "#contract";
import { planAuthorization } from "../../../server/access/authorization.ts";
import { planIpRestrictions } from "../../../server/access/ip-restrictions.ts";
import { describeGain, type PathRules } from "../../../server/access/moved-rights.ts";

function rules(
  authorization: readonly (Partial<AuthorizationRule> & Pick<AuthorizationRule, "effect">)[],
  addresses: readonly Pick<IpRule, "effect" | "path" | "address">[] = [],
): PathRules {
  const placed = authorization.map((rule) => ({
    path: "/",
    users: ["bob"],
    groups: [],
    permissions: ["read", "write"] as Permission[],
    ...rule,
  }));
  const peerAddress = "192.0.2.1";
  return {
    authorization: planAuthorization(placed),
    clients: planIpRestrictions({
      unspecifiedClients: "allow",
      rules: [...addresses],
      healthCheckAddresses: [],
      lookupTimeoutSeconds: 3,
    }).forClient(peerAddress, []),
    subject: { name: "bob", groups: [], anonymous: false, rights: new Set(RIGHTS) },
    peerAddress,
    rulePaths: () => [...placed, ...addresses].map(({ path }) => path),
  };
}

describe("a rename", () => {
  const readOnlyElsewhere = rules([
    { effect: "allow" },
    { effect: "deny", path: "/drop", permissions: ["read"] },
    { effect: "deny", path: "/files/secret.txt", permissions: ["read"] },
  ]);

  test("within one set of rights is nobody's business", () => {
    expect(describeGain(readOnlyElsewhere, "file", "/drop/a", "/drop/b")).toBeUndefined();
    expect(describeGain(readOnlyElsewhere, "file", "/a", "/drop/a")).toBeUndefined();
    expect(describeGain(readOnlyElsewhere, "directory", "/a", "/b")).toBeUndefined();
  });

  test("does not make a file readable, nor the folder around it", () => {
    const gain = describeGain(readOnlyElsewhere, "file", "/drop/a", "/a");
    expect(gain).toContain("read is denied by authorization.1");
    expect(gain).toContain("once /drop/a is called /a");
    expect(describeGain(readOnlyElsewhere, "directory", "/drop", "/taken")).toContain(
      "authorization.1",
    );
  });

  test("does not take a folder away from a rule about what is in it", () => {
    expect(describeGain(readOnlyElsewhere, "directory", "/files", "/other")).toContain(
      "/files/secret.txt is called /other/secret.txt",
    );
    // A name that merely begins alike is another one.
    expect(describeGain(readOnlyElsewhere, "directory", "/file", "/other")).toBeUndefined();
  });

  test("does not put what a folder holds under a rule that allows more", () => {
    const inbox = rules([
      { effect: "allow", permissions: ["list", "rename", "makeDirectory"] },
      { effect: "allow", path: "/box/open" },
    ]);
    expect(describeGain(inbox, "directory", "/a", "/box")).toContain("/a/open is called /box/open");
    expect(describeGain(inbox, "directory", "/a", "/b")).toBeUndefined();
  });

  test("does not lead around rules about addresses", () => {
    const addresses = rules(
      [{ effect: "allow" }],
      [{ effect: "deny", path: "/office/inner", address: "*" }],
    );
    expect(describeGain(addresses, "directory", "/office", "/x")).toContain(
      "ipRestrictions.rules.0",
    );
    expect(describeGain(addresses, "directory", "/x", "/office")).toBeUndefined();
  });

  test("of a file asks for what can be done with a file only", () => {
    const noFolders = rules([
      { effect: "allow" },
      { effect: "deny", path: "/flat", permissions: ["makeDirectory", "create"] },
    ]);
    expect(describeGain(noFolders, "file", "/flat/a", "/a")).toBeUndefined();
    expect(describeGain(noFolders, "directory", "/flat", "/a")).toContain("authorization.1");
  });
});
