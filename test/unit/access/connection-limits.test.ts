import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  openConnectionCounts,
  type ConnectionPlace,
  type CountedScope,
} from "../../../server/access/connection-limits.ts";

const site: CountedScope = { kind: "site", site: "default" };

describe("connection limits", () => {
  it("counts as a list of open connections would, per scope and per address", () => {
    const step = fc.record({
      open: fc.boolean(),
      pick: fc.nat(20),
      scope: fc.constantFrom<CountedScope>(
        { kind: "server" },
        site,
        { kind: "account", site: "default", account: "ann" },
        { kind: "account", site: "default", account: "bob" },
      ),
      address: fc.constantFrom("198.51.100.1", "198.51.100.2"),
    });
    const limits = { connections: 3, connectionsPerAddress: 2 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const counts = openConnectionCounts();
        let held: { scope: CountedScope; address: string; place: ConnectionPlace }[] = [];
        for (const { open, pick, scope, address } of steps) {
          if (!open) {
            const closing = held[pick % Math.max(1, held.length)];
            closing?.place[Symbol.dispose]();
            closing?.place[Symbol.dispose]();
            held = held.filter((each) => each !== closing);
            continue;
          }
          const same = held.filter((each) => each.scope === scope);
          const sameAddress = same.filter((each) => each.address === address);
          const admission = counts.admit(scope, limits, address);
          expect(admission.kind).toBe(
            same.length < 3 && sameAddress.length < 2 ? "admitted" : "refused",
          );
          if (admission.kind === "admitted") {
            held.push({ scope, address, place: admission.place });
          }
          expect(counts.count(scope)).toBe(held.filter((each) => each.scope === scope).length);
        }
      }),
    );
  });

  it("says which limit was reached, and limits nothing that has no limit", () => {
    const counts = openConnectionCounts();
    for (let i = 0; i < 1000; i++) {
      expect(counts.admit(site, {}, "198.51.100.1").kind).toBe("admitted");
    }
    expect(counts.admit(site, { connectionsPerAddress: 5 }, "198.51.100.1")).toMatchObject({
      kind: "refused",
      limit: "connectionsPerAddress",
      allowed: 5,
      reason:
        "site default already has 1000 connections from 198.51.100.1; limits.connectionsPerAddress is 5",
    });
    expect(counts.admit(site, { connectionsPerAddress: 5 }, "198.51.100.2").kind).toBe("admitted");
  });

  it("takes the addresses of one IPv6 client for one", () => {
    const counts = openConnectionCounts();
    const admit = (address: string) =>
      counts.admit({ kind: "server" }, { connectionsPerAddress: 1 }, address).kind;
    expect(admit("2001:db8::1")).toBe("admitted");
    expect(admit("2001:db8::2")).toBe("refused");
    expect(admit("::ffff:198.51.100.1")).toBe("admitted");
    expect(admit("198.51.100.1")).toBe("refused");
  });
});
