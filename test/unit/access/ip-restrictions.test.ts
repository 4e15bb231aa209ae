import fc from "fast-check";
import type * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseWith } from "#contract";
import {
  formatClientAddress,
  ipRestrictionsSchema,
  parseAddressBlocks,
  parseClientAddress,
} from "../../../server/contract/access.ts";
import {
  confirmHostNames,
  MOST_NAMES_PER_ADDRESS,
  type HostNameResolver,
} from "../../../server/access/client-names.ts";
import { formatIpDecision, planIpRestrictions } from "../../../server/access/ip-restrictions.ts";

type Written = v.InferInput<typeof ipRestrictionsSchema>;

const planOf = (settings: Written) => planIpRestrictions(parseWith(ipRestrictionsSchema, settings));
const admits = (settings: Written, address: string, path = "/", names: readonly string[] = []) =>
  planOf(settings).forClient(address, names).decide(path).allowed;

/** Few bits, so that blocks and clients meet often. */
const nearby = fc.integer({ min: 0, max: 15 }).map((low) => `198.51.100.${String(low)}`);
const block = fc.record({ address: nearby, prefix: fc.integer({ min: 26, max: 32 }) });
const size = (prefix: number) => 2 ** (32 - prefix);
const firstOf = (address: string, prefix: number) => {
  const low = Number(address.split(".")[3]);
  return `198.51.100.${String(low - (low % size(prefix)))}`;
};
const ipRule = fc.record({
  effect: fc.constantFrom("allow" as const, "deny" as const),
  path: fc.constantFrom("/", "/a", "/a/b"),
  address: block.map(({ address, prefix }) => `${firstOf(address, prefix)}/${String(prefix)}`),
});

describe("client addresses", () => {
  it("writes an IPv6 address so that Node's own parser reads the same one", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const parsed = parseClientAddress(text);
        if (parsed === undefined) throw new Error(`${text} was not read`);
        const written = formatClientAddress(parsed);
        const canonical = (address: string) =>
          URL.parse(`http://[${address.includes(":") ? address : `::ffff:${address}`}]`)?.hostname;
        expect(canonical(written)).toBe(canonical(text));
        expect(parseClientAddress(written)).toEqual(parsed);
      }),
    );
  });

  it("takes a mapped address for the IPv4 address", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(parseClientAddress(`::ffff:${text}`)).toEqual(parseClientAddress(text));
        expect(parseAddressBlocks(`::ffff:${text}/128`)).toEqual(parseAddressBlocks(text));
      }),
    );
  });

  it.each(["", "1.2.3", "1.2.3.4.5", "::1::", ":::", "1:2:3:4:5:6:7", "1.2.3.4::", "g::", "1::%"])(
    "refuses %j",
    (text) => {
      expect(parseAddressBlocks(text).ok).toBe(false);
    },
  );

  it("reads mask and prefix alike", () => {
    for (let prefix = 0; prefix <= 32; prefix++) {
      const mask = formatClientAddress({
        family: 4,
        value: BigInt(2 ** 32 - 2 ** (32 - prefix)),
      });
      expect(parseAddressBlocks(`0.0.0.0/${mask}`)).toEqual(
        parseAddressBlocks(`0.0.0.0/${String(prefix)}`),
      );
    }
  });
});

describe("IP restrictions", () => {
  it("decides as the slow reading does: nearest level, then first match, then unspecified", () => {
    const path = fc.constantFrom("/", "/a", "/a/x", "/a/b", "/a/b/c", "/ab");
    fc.assert(
      fc.property(
        fc.array(ipRule, { maxLength: 8 }),
        nearby,
        path,
        fc.constantFrom("allow" as const, "deny" as const),
        (rules, client, at, unspecifiedClients) => {
          const low = Number(client.split(".")[3]);
          const matching = rules.filter(({ address }) => {
            const [base = "", prefix = "32"] = address.split("/");
            const first = Number(base.split(".")[3]);
            return low >= first && low < first + size(Number(prefix));
          });
          const levels = ["/a/b", "/a", "/"].filter(
            (level) => level === "/" || at === level || at.startsWith(`${level}/`),
          );
          const decisive = levels
            .map((level) => matching.find((rule) => rule.path === level))
            .find((rule) => rule !== undefined);
          const expected = (decisive?.effect ?? unspecifiedClients) === "allow";
          const settings = { rules, unspecifiedClients };
          expect(admits(settings, client, at)).toBe(expected);
          expect(admits(settings, `::ffff:${client}`, at)).toBe(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("plays the second scenario of the IIS guide: one address, nobody else, and the health check", () => {
    const settings: Written = {
      unspecifiedClients: "deny",
      rules: [{ effect: "allow", address: "20.55.200.223" }],
    };
    expect(admits(settings, "20.55.200.223")).toBe(true);
    expect(admits(settings, "20.55.200.224")).toBe(false);
    expect(admits(settings, "2001:db8::1")).toBe(false);
    const plan = planOf(settings);
    expect(plan.forClient("::ffff:127.0.0.1", []).decide("/")).toEqual({
      allowed: true,
      reason: { kind: "healthCheck" },
    });
    const closed = { ...settings, healthCheckAddresses: [] };
    expect(admits(closed, "127.0.0.1")).toBe(false);
  });

  it("closes a folder to everybody but a partner", () => {
    const settings: Written = {
      rules: [
        { effect: "allow", path: "/partner", address: "2001:db8:1::/48" },
        { effect: "deny", path: "/partner", address: "*" },
      ],
    };
    expect(admits(settings, "2001:db8:1::9", "/partner/in")).toBe(true);
    expect(admits(settings, "2001:db8:2::9", "/partner/in")).toBe(false);
    expect(admits(settings, "198.51.100.1", "/partner")).toBe(false);
    expect(admits(settings, "198.51.100.1", "/other")).toBe(true);
  });

  it("matches host names without case, and a wildcard for everything below, not itself", () => {
    const settings: Written = {
      unspecifiedClients: "deny",
      rules: [
        { effect: "allow", hostName: "*.Partner.example" },
        { effect: "allow", hostName: "one.example" },
      ],
    };
    const by = (name: string) => admits(settings, "198.51.100.1", "/", [name]);
    expect(["a.partner.example", "a.b.PARTNER.example.", "one.example"].map(by)).toEqual(
      Array(3).fill(true),
    );
    expect(["partner.example", "xpartner.example", "b.one.example", "example"].map(by)).toEqual(
      Array(4).fill(false),
    );
    expect(planOf(settings).usesHostNames).toBe(true);
    expect(planOf({}).usesHostNames).toBe(false);
  });

  it("lets nobody in whose address it cannot read, and says who decided", () => {
    const plan = planOf({ rules: [{ effect: "deny", address: "198.51.100.0/24" }] });
    expect(plan.forClient("unix:/socket", []).decide("/").allowed).toBe(false);
    const decision = plan.forClient("198.51.100.7", []).decide("/");
    expect(formatIpDecision(decision, "198.51.100.7")).toBe(
      "198.51.100.7 is denied by ipRestrictions.rules.0 (deny 198.51.100.0/24 at /)",
    );
  });
});

describe("host names of a client", () => {
  const never = new Promise<readonly string[]>(() => undefined);
  const resolver = (overrides: Partial<HostNameResolver>): HostNameResolver => ({
    reverse: () => Promise.resolve(["a.partner.example.", "stolen.example"]),
    forward: (name) =>
      Promise.resolve(name === "a.partner.example" ? ["198.51.100.7"] : ["203.0.113.1"]),
    ...overrides,
  });
  const { signal } = new AbortController();

  it("keeps only names that lead back to the address", async () => {
    expect(await confirmHostNames("198.51.100.7", resolver({}), signal)).toEqual([
      "a.partner.example",
    ]);
    expect(await confirmHostNames("::ffff:198.51.100.7", resolver({}), signal)).toEqual([
      "a.partner.example",
    ]);
    expect(await confirmHostNames("198.51.100.8", resolver({}), signal)).toEqual([]);
  });

  it("has no names when a look-up fails, and keeps the others when one forward look-up fails", async () => {
    const failing = { reverse: () => Promise.reject(new Error("SERVFAIL")) };
    expect(await confirmHostNames("198.51.100.7", resolver(failing), signal)).toEqual([]);
    const oneFails = resolver({
      forward: (name) =>
        name === "stolen.example"
          ? Promise.reject(new Error("NXDOMAIN"))
          : Promise.resolve(["198.51.100.7"]),
    });
    expect(await confirmHostNames("198.51.100.7", oneFails, signal)).toEqual(["a.partner.example"]);
  });

  it("stops waiting when the time is up, whichever look-up hangs", async () => {
    for (const hanging of [{ reverse: () => never }, { forward: () => never }]) {
      const limit = new AbortController();
      const names = confirmHostNames("198.51.100.7", resolver(hanging), limit.signal);
      limit.abort();
      expect(await names).toEqual([]);
    }
  });

  it("looks at no more names than a few, however many a stranger claims", async () => {
    const asked: string[] = [];
    const many = resolver({
      reverse: () => Promise.resolve(Array.from({ length: 1000 }, (_, i) => `n${String(i)}.x`)),
      forward: (name) => {
        asked.push(name);
        return Promise.resolve(["198.51.100.7"]);
      },
    });
    await confirmHostNames("198.51.100.7", many, signal);
    expect(asked).toHaveLength(MOST_NAMES_PER_ADDRESS);
  });
});
