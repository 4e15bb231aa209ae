import { BlockList, isIPv4 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cidrContains,
  cidrCovers,
  cidrsOverlap,
  formatCidr,
  formatIpv4,
  isPublicIpv4,
  networkOf,
  parseCidr,
  parseIpv4,
  type Cidr,
} from "#contract";

const address = fc.integer({ min: 0, max: 0xffffffff });
const block = fc
  .tuple(address, fc.integer({ min: 0, max: 32 }))
  .map(([value, prefix]): Cidr => ({ base: networkOf(value, prefix), prefix }));

/** Node's own reading of the block, as an independent judge. */
function nodeContains({ base, prefix }: Cidr, value: number): boolean {
  const list = new BlockList();
  list.addSubnet(formatIpv4(base), prefix, "ipv4");
  return list.check(formatIpv4(value), "ipv4");
}

describe("IPv4 addresses", () => {
  it.each([
    ["0.0.0.0", 0],
    ["10.20.1.4", 0x0a140104],
    ["255.255.255.255", 0xffffffff],
  ])("reads %s", (text, value) => {
    expect(parseIpv4(text)).toBe(value);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.-4",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1..3.4",
    "0x1.2.3.4",
    "::1",
    "localhost",
  ])("does not read %j", (text) => {
    expect(parseIpv4(text)).toBeUndefined();
  });

  it("reads what it wrote", () => {
    fc.assert(fc.property(address, (value) => parseIpv4(formatIpv4(value)) === value));
  });

  it("agrees with Node about what is an address", () => {
    const almost = fc
      .array(
        fc.oneof(fc.integer({ min: 0, max: 300 }).map(String), fc.constantFrom("", "00", "a")),
        {
          minLength: 3,
          maxLength: 5,
        },
      )
      .map((parts) => parts.join("."));
    fc.assert(fc.property(almost, (text) => (parseIpv4(text) !== undefined) === isIPv4(text)));
  });
});

describe("IPv4 blocks", () => {
  it("reads a single address as a block of one", () => {
    expect(parseCidr("203.0.113.7")).toEqual({ base: 0xcb007107, prefix: 32 });
  });

  it.each([
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0.0/ 8",
    "/8",
    "any",
  ])("does not read %j", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it("reads what it wrote", () => {
    fc.assert(
      fc.property(block, (cidr) => {
        expect(parseCidr(formatCidr(cidr))).toEqual(cidr);
      }),
    );
  });

  it("contains what Node says that it contains", () => {
    fc.assert(
      fc.property(block, address, (cidr, value) => {
        expect(cidrContains(cidr, value)).toBe(nodeContains(cidr, value));
        expect(cidrContains(cidr, cidr.base)).toBe(true);
      }),
    );
  });

  it("covers another exactly when it contains its first and its last address", () => {
    fc.assert(
      fc.property(block, block, (outer, inner) => {
        const last = inner.base + 2 ** (32 - inner.prefix) - 1;
        expect(cidrCovers(outer, inner)).toBe(
          nodeContains(outer, inner.base) && nodeContains(outer, last),
        );
        expect(cidrsOverlap(outer, inner)).toBe(
          nodeContains(outer, inner.base) || nodeContains(inner, outer.base),
        );
      }),
    );
  });
});

describe("public addresses", () => {
  it.each([
    "8.8.8.8",
    "20.50.1.1",
    "203.0.113.7",
    "198.51.100.9",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
  ])("counts %s among them", (text) => {
    expect(isPublicIpv4(text)).toBe(true);
  });

  it.each([
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.1",
    "255.255.255.255",
    "nowhere",
  ])("does not count %s", (text) => {
    expect(isPublicIpv4(text)).toBe(false);
  });
});
