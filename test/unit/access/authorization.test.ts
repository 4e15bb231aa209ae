import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseWith, RIGHTS, rightsOf, type Right } from "#contract";
import type * as v from "valibot";
import {
  authorizationRuleSchema,
  type AuthorizationRule,
} from "../../../server/contract/access.ts";
import { planAuthorization, type Principal } from "../../../server/access/authorization.ts";
import { joinPath } from "../../../server/protocol/paths.ts";
import { explainAccess, formatDecision } from "../../../server/access/explanation.ts";

const EVERY_RIGHT: ReadonlySet<Right> = new Set(RIGHTS);

const rulesOf = (...rules: v.InferInput<typeof authorizationRuleSchema>[]) =>
  rules.map((rule) => parseWith(authorizationRuleSchema, rule));

const account = (name: string, ...groups: string[]): Principal => ({
  name,
  groups,
  anonymous: false,
  rights: EVERY_RIGHT,
});
const anonymous: Principal = { ...account("anonymous"), anonymous: true };

const right = fc.constantFrom(...RIGHTS);
const segment = fc.constantFrom("a", "b", "A", "c.txt");
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
const name = fc.constantFrom("u1", "u2", "u3");
const group = fc.constantFrom("g1", "g2");
const rule: fc.Arbitrary<AuthorizationRule> = fc.record({
  effect: fc.constantFrom("allow" as const, "deny" as const),
  path,
  users: fc.array(fc.oneof(name, fc.constantFrom("*", "?")), { maxLength: 2 }),
  groups: fc.array(group, { maxLength: 1 }),
  permissions: fc.array(fc.oneof(right, fc.constantFrom("read" as const, "write" as const)), {
    minLength: 1,
    maxLength: 3,
  }),
});
const principal: fc.Arbitrary<Principal> = fc.record({
  name,
  groups: fc.uniqueArray(group),
  anonymous: fc.boolean(),
  rights: fc.uniqueArray(right, { minLength: 4 }).map((rights) => new Set(rights)),
});

/** The rules as prose says them, slowly: every level from the path up to the root. */
function decideSlowly(
  rules: readonly AuthorizationRule[],
  who: Principal,
  wanted: Right,
  at: string,
): { allowed: boolean; index: number | undefined } {
  if (!who.rights.has(wanted)) return { allowed: false, index: undefined };
  const segments = at === "/" ? [] : at.slice(1).split("/");
  for (let depth = segments.length; depth >= 0; depth--) {
    const level = `/${segments.slice(0, depth).join("/")}`;
    const matching = rules
      .map((candidate, index) => ({ candidate, index }))
      .filter(
        ({ candidate }) =>
          candidate.path === level &&
          rightsOf(candidate.permissions).has(wanted) &&
          (candidate.users.includes("*") ||
            (candidate.users.includes("?") && who.anonymous) ||
            candidate.users.includes(who.name) ||
            candidate.groups.some((member) => who.groups.includes(member))),
      );
    const first = matching.find(({ candidate }) => candidate.effect === "deny") ?? matching.at(0);
    if (first !== undefined) {
      return { allowed: first.candidate.effect === "allow", index: first.index };
    }
  }
  return { allowed: false, index: undefined };
}

describe("authorization", () => {
  it("answers as the slow reading of the rules does, and names the same rule", () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 12 }),
        principal,
        right,
        path,
        (rules, who, wanted, at) => {
          const decision = planAuthorization(rules).decide(who, wanted, at);
          const by = decision.allowed
            ? decision.by
            : decision.reason.kind === "rule"
              ? decision.reason.by
              : undefined;
          expect({ allowed: decision.allowed, index: by?.index }).toEqual(
            decideSlowly(rules, who, wanted, at),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("gives with rightsAt exactly the rights that decide allows", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 12 }), principal, path, (rules, who, at) => {
        const authorization = planAuthorization(rules);
        const single = RIGHTS.filter((each) => authorization.decide(who, each, at).allowed);
        expect([...authorization.rightsAt(who, at)]).toEqual(single);
      }),
    );
  });

  it("gives with rightsIn what rightsAt gives for each entry of the folder", () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 12 }),
        principal,
        path,
        fc.array(fc.oneof(segment, fc.constantFrom("other", "toString")), { minLength: 1 }),
        (rules, who, folder, names) => {
          const authorization = planAuthorization(rules);
          const rightsOf = authorization.rightsIn(who, folder);
          for (const each of names) {
            expect(rightsOf(each)).toBe(authorization.rightsAt(who, joinPath(folder, each)));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("never takes a right away when an allow rule is added, nor gives one for a deny rule", () => {
    fc.assert(
      fc.property(fc.array(rule), rule, principal, right, (rules, added, who, wanted) => {
        const before = planAuthorization(rules).decide(who, wanted, added.path).allowed;
        const after = planAuthorization([...rules, added]).decide(who, wanted, added.path).allowed;
        if (added.effect === "deny" && !before) expect(after).toBe(false);
        // An allow rule at the path itself is the nearest level: it can only add.
        if (added.effect === "allow" && before) expect(after).toBe(true);
      }),
    );
  });

  it("plays the first scenario of the IIS guide", () => {
    const site = planAuthorization(
      rulesOf(
        { effect: "allow", users: ["*"], permissions: ["read"] },
        { effect: "allow", groups: ["FTPUsersA", "FTPUsersB"] },
        { effect: "deny", path: "/test.txt", users: ["user3"] },
      ),
    );
    const user1 = account("user1", "FTPUsersA");
    const user3 = account("user3", "FTPUsersB");
    const user4 = account("user4", "FTPUsersB");
    for (const who of [user1, user4]) {
      expect(site.rightsAt(who, "/test.txt")).toEqual(EVERY_RIGHT);
    }
    expect(site.rightsAt(user3, "/test.txt")).toEqual(new Set());
    expect(site.rightsAt(user3, "/computer.txt")).toEqual(EVERY_RIGHT);
    expect(site.rightsAt(anonymous, "/test.txt")).toEqual(new Set(["list", "read"]));
    expect(site.rightsAt(anonymous, "/new/folder/file")).toEqual(new Set(["list", "read"]));
  });

  it("does not take one path for another: case, prefixes, below a file", () => {
    const site = planAuthorization(
      rulesOf({ effect: "allow", users: ["*"] }, { effect: "deny", path: "/secret", users: ["*"] }),
    );
    const allows = (at: string) => site.decide(anonymous, "read", at).allowed;
    expect(["/secret", "/secret/a", "/secret/a/b"].map(allows)).toEqual([false, false, false]);
    expect(["/", "/secrets", "/Secret", "/a/secret"].map(allows)).toEqual([true, true, true, true]);
  });

  it("denies everything without rules, and whatever the account lacks", () => {
    const reader: Principal = { ...account("reader"), rights: new Set<Right>(["read"]) };
    expect(planAuthorization([]).decide(reader, "read", "/")).toEqual({
      allowed: false,
      reason: { kind: "noRule" },
    });
    const open = planAuthorization(rulesOf({ effect: "allow", users: ["*"] }));
    expect(open.decide(reader, "delete", "/")).toEqual({
      allowed: false,
      reason: { kind: "account" },
    });
    expect(open.decide(reader, "read", "/").allowed).toBe(true);
  });

  it("is not confused by names that objects already have", () => {
    const site = planAuthorization(rulesOf({ effect: "deny", path: "/constructor", users: ["*"] }));
    expect(site.decide(account("__proto__", "toString"), "read", "/__proto__").allowed).toBe(false);
    expect(site.rightsAt(account("constructor"), "/hasOwnProperty")).toEqual(new Set());
  });
});

describe("explanation", () => {
  const site = planAuthorization(
    rulesOf(
      { effect: "allow", groups: ["FTPUsersB"], permissions: ["read"] },
      { effect: "deny", path: "/test.txt", users: ["user3"], permissions: ["read"] },
    ),
  );
  const user3 = account("user3", "FTPUsersB");

  it("names the deciding rule, its place in the settings and why", () => {
    const text = (wanted: Right, at: string) =>
      formatDecision(site.decide(user3, wanted, at), user3, wanted, at);
    expect(text("read", "/test.txt")).toBe(
      "read is denied by authorization.1 (deny read to user3 at /test.txt)",
    );
    expect(text("read", "/a")).toBe(
      "read is allowed by authorization.0 (allow read to group FTPUsersB at /)",
    );
    expect(text("delete", "/a")).toBe(
      "delete is denied: no authorization rule allows it to user3 at /a or above",
    );
  });

  it("explains every right once", () => {
    const explained = explainAccess(site, user3, "/test.txt");
    expect(explained.map(({ right: each }) => each)).toEqual([...RIGHTS]);
    expect(explained.every(({ decision }) => !decision.allowed)).toBe(true);
  });
});
