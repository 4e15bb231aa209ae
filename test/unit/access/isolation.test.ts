import fc from "fast-check";
import type * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseWith } from "#contract";
import { userIsolationSchema } from "../../../server/contract/access.ts";
import { planHome, type HomeOwner } from "../../../server/access/isolation.ts";

const isolationOf = (settings: v.InferInput<typeof userIsolationSchema>) =>
  parseWith(userIsolationSchema, settings);
const user = (name: string, rest: Partial<HomeOwner> = {}): HomeOwner => ({
  name,
  anonymous: false,
  home: "/",
  ...rest,
});
const anonymous = user("anonymous", { anonymous: true });

/** `root start`, or why not. */
const homeOf = (settings: v.InferInput<typeof userIsolationSchema>, owner: HomeOwner): string => {
  const outcome = planHome(isolationOf(settings), owner);
  return outcome.kind === "home" ? `${outcome.home.root} ${outcome.home.start}` : outcome.reason;
};

describe("user isolation", () => {
  it("lays out homes as IIS prescribes", () => {
    const isolated = { mode: "userName" } as const;
    expect(homeOf(isolated, user("user1"))).toBe("/LocalUser/user1 /");
    expect(homeOf(isolated, anonymous)).toBe("/LocalUser/Public /");
    expect(homeOf(isolated, user("user1", { domain: "mydomain.com" }))).toBe(
      "/mydomain.com/user1 /",
    );
    const start = { mode: "startInUserFolder" } as const;
    expect(homeOf(start, user("user1"))).toBe("/ /user1");
    expect(homeOf(start, anonymous)).toBe("/ /default");
    expect(homeOf({ mode: "none" }, user("user1"))).toBe("/ /");
  });

  it("confines an account to a home of its own in every mode, and needs one in customHome", () => {
    const probe = user("gangway-probe", { home: "/.gangway-probe" });
    for (const mode of ["none", "startInUserFolder", "userName", "customHome"] as const) {
      const outcome = planHome(isolationOf({ mode, missingHome: "refuse" }), probe);
      expect(outcome).toMatchObject({
        kind: "home",
        home: { root: "/.gangway-probe", confined: true, start: "/", whenMissing: "refuse" },
      });
    }
    expect(homeOf({ mode: "customHome" }, user("user1"))).toMatch(/user1 has no home/);
  });

  it("never lets two accounts share a home, whatever they are called", () => {
    const name = fc.oneof(
      fc.constantFrom("Public", "public", "LocalUser", "..", ".", "a", "b", "a/b", "", "a\\b"),
      fc.string({ maxLength: 5 }),
    );
    const owner = fc.oneof(
      fc
        .record({ name, domain: fc.option(name, { nil: undefined }) })
        .map(({ name: called, domain }) => user(called, { domain })),
      fc.constant(anonymous),
    );
    fc.assert(
      fc.property(owner, owner, (a, b) => {
        const isolation = isolationOf({ mode: "userName" });
        const homes = [planHome(isolation, a), planHome(isolation, b)];
        const [rootA, rootB] = homes.map((outcome) =>
          outcome.kind === "home" ? outcome.home.root : undefined,
        );
        const same =
          a.anonymous === b.anonymous &&
          (a.anonymous || (a.name === b.name && a.domain === b.domain));
        if (rootA !== undefined && rootB !== undefined && !same) {
          expect(rootA).not.toBe(rootB);
          expect(`${rootA}/`.startsWith(`${rootB}/`)).toBe(false);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("never leads above the folder that holds the homes", () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (name, domain) => {
        for (const mode of ["userName", "startInUserFolder"] as const) {
          const outcome = planHome(isolationOf({ mode }), user(name, { domain }));
          if (outcome.kind !== "home") continue;
          const { root, start } = outcome.home;
          for (const path of [root, start]) {
            expect(path).toBe(decodeURIComponent(new URL(`file://${encodePath(path)}`).pathname));
          }
          expect(root.split("/")).toHaveLength(mode === "userName" ? 3 : 2);
        }
      }),
    );
  });
});

/** An independent judge: URL resolves `.` and `..`, so a path with either would change. */
function encodePath(path: string): string {
  return path
    .split("/")
    .map((segment) => encodeURIComponent(segment.toWellFormed()))
    .join("/");
}
