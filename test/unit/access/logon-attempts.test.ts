import fc from "fast-check";
import type * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseWith } from "#contract";
import { logonAttemptsSchema } from "../../../server/contract/access.ts";
import { openLogonAttempts } from "../../../server/access/logon-attempts.ts";

const tableOf = (settings: v.InferInput<typeof logonAttemptsSchema>, mostClients?: number) => {
  let now = 0;
  const table = openLogonAttempts(parseWith(logonAttemptsSchema, settings), () => now, mostClients);
  return {
    ...table,
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
    failures: (address: string, count: number) => {
      for (let i = 0; i < count; i++) table.recordFailure(address);
    },
  };
};
const rule = { failures: 3, windowSeconds: 60, denySeconds: 600 };
const A = "198.51.100.1";

describe("logon attempt restrictions", () => {
  it("behaves like a full record of every failure", () => {
    const step = fc.record({
      afterSeconds: fc.integer({ min: 0, max: 40 }),
      address: fc.constantFrom(A, "198.51.100.2", "2001:db8::1"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = tableOf(rule);
        const record = new Map<string, { failuresAt: number[]; deniedUntil: number }>();
        let now = 0;
        for (const { afterSeconds, address } of steps) {
          table.pass(afterSeconds);
          now += afterSeconds;
          const known = record.get(address) ?? { failuresAt: [], deniedUntil: 0 };
          record.set(address, known);
          expect(table.standing(address).kind).toBe(known.deniedUntil > now ? "denied" : "open");
          if (known.deniedUntil <= now) {
            known.failuresAt = [...known.failuresAt.filter((at) => at + 60 > now), now];
            if (known.failuresAt.length === 3) {
              known.deniedUntil = now + 600;
              known.failuresAt = [];
            }
          }
          expect(table.recordFailure(address).kind).toBe(
            known.deniedUntil > now ? "denied" : "open",
          );
        }
      }),
    );
  });

  it("denies for the time that was set and says how much is left", () => {
    const table = tableOf(rule);
    table.failures(A, 2);
    expect(table.standing(A)).toEqual({ kind: "open" });
    expect(table.recordFailure(A)).toMatchObject({ kind: "denied", remainingMs: 600_000 });
    table.pass(599);
    table.failures(A, 5);
    expect(table.standing(A)).toEqual({ kind: "denied", remainingMs: 1000, logOnly: false });
    table.pass(1);
    expect(table.standing(A)).toEqual({ kind: "open" });
    expect(table.size()).toEqual({ counting: 0, denied: 0 });
  });

  it("takes a mapped address and the addresses of one /64 for one client", () => {
    const table = tableOf(rule);
    table.failures("::ffff:198.51.100.1", 3);
    expect(table.standing(A).kind).toBe("denied");
    for (const host of ["1", "2", "3"]) table.recordFailure(`2001:db8:0:1::${host}`);
    expect(table.standing("2001:db8:0:1:ffff::").kind).toBe("denied");
    expect(table.standing("2001:db8:0:2::1").kind).toBe("open");
  });

  it("never denies the allow-list, nobody when off, and only says so when logging", () => {
    const listed = tableOf({ ...rule, allowList: ["198.51.100.0/24"] });
    listed.failures("::ffff:198.51.100.1", 9);
    expect(listed.standing(A).kind).toBe("open");
    const off = tableOf({ ...rule, mode: "off" });
    off.failures(A, 9);
    expect(off.standing(A).kind).toBe("open");
    expect(off.size()).toEqual({ counting: 0, denied: 0 });
    const logOnly = tableOf({ ...rule, mode: "logOnly" });
    logOnly.failures(A, 3);
    expect(logOnly.standing(A)).toMatchObject({ kind: "denied", logOnly: true });
  });

  it("never holds more clients than its bound, and keeps the denied ones longest", () => {
    fc.assert(
      fc.property(fc.array(fc.ipV4(), { minLength: 30, maxLength: 200 }), (addresses) => {
        const table = tableOf(rule, 10);
        for (const address of addresses) {
          table.recordFailure(address);
          const { counting, denied } = table.size();
          expect(counting + denied).toBeLessThanOrEqual(10);
        }
      }),
    );
    const table = tableOf(rule, 10);
    table.failures(A, 3);
    for (let i = 0; i < 1000; i++) table.recordFailure(`203.0.113.${String(i % 256)}`);
    expect(table.standing(A).kind).toBe("denied");
  });
});
