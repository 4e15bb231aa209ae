import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatExtendedHostPort,
  formatExtendedPassiveText,
  formatHostPort,
  formatPassiveText,
  isSameAddress,
  parseExtendedHostPort,
  parseExtendedPassive,
  parseHostPort,
  unmapAddress,
} from "../../../server/protocol/addresses.ts";

const endpoint = fc.record({ address: fc.ipV4(), port: fc.integer({ min: 1, max: 65535 }) });
const endpoint6 = fc.record({ address: fc.ipV6(), port: fc.integer({ min: 1, max: 65535 }) });

describe("PORT and 227", () => {
  it("round-trips every endpoint, also out of the reply's text", () => {
    fc.assert(
      fc.property(endpoint, (each) => {
        expect(parseHostPort(formatHostPort(each))).toEqual(each);
        const numbers = /\((\d+,\d+,\d+,\d+,\d+,\d+)\)/.exec(formatPassiveText(each))?.[1] ?? "";
        expect(parseHostPort(numbers)).toEqual(each);
      }),
    );
  });

  it("says 227's numbers as RFC 959 wants them", () => {
    expect(formatPassiveText({ address: "203.0.113.7", port: 50_001 })).toBe(
      "Entering Passive Mode (203,0,113,7,195,81)",
    );
  });

  it.each([
    "",
    "1,2,3,4,5",
    "1,2,3,4,5,6,7",
    "256,1,1,1,1,1",
    "1,2,3,4,5,256",
    "a,b,c,d,e,f",
    "-1,2,3,4,5,6",
    "1 ,2,3,4,5,6",
  ])("refuses %j", (argument) => {
    expect(parseHostPort(argument)).toBeUndefined();
  });
});

describe("EPRT and EPSV", () => {
  it("round-trips both protocols", () => {
    fc.assert(
      fc.property(fc.oneof(endpoint, endpoint6), (each) => {
        expect(parseExtendedHostPort(formatExtendedHostPort(each))).toMatchObject({
          kind: "endpoint",
          endpoint: each,
        });
      }),
    );
  });

  it("takes any printable delimiter", () => {
    expect(parseExtendedHostPort("!1!192.0.2.1!2000!")).toMatchObject({
      endpoint: { address: "192.0.2.1", port: 2000 },
    });
  });

  it.each([
    ["|3|192.0.2.1|2000|", "protocolUnsupported"],
    ["|1|2001:db8::1|2000|", "malformed"],
    ["|2|192.0.2.1|2000|", "malformed"],
    ["|1|192.0.2.1|0|", "malformed"],
    ["|1|192.0.2.1|65536|", "malformed"],
    ["|1|192.0.2.1|2000", "malformed"],
    ["|1|192.0.2.1|2000|x", "malformed"],
    ["|2|fe80::1%eth0|2000|", "malformed"],
    ["", "malformed"],
    ["010192.0.2.1020000", "malformed"],
  ])("%j is %s", (argument, kind) => {
    expect(parseExtendedHostPort(argument)).toEqual({ kind });
  });

  it.each([
    [undefined, { kind: "any" }],
    ["all", { kind: "all" }],
    ["1", { kind: "protocol", protocol: 1 }],
    ["2", { kind: "protocol", protocol: 2 }],
    ["3", { kind: "protocolUnsupported" }],
    ["x", { kind: "malformed" }],
  ])("EPSV %j", (argument, expected) => {
    expect(parseExtendedPassive(argument)).toEqual(expected);
  });

  it("names only the port in 229", () => {
    expect(formatExtendedPassiveText(50_001)).toBe("Entering Extended Passive Mode (|||50001|)");
  });
});

describe("equality of addresses", () => {
  it("sees through mapping and abbreviation", () => {
    expect(unmapAddress("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(isSameAddress("::ffff:192.0.2.1", "192.0.2.1")).toBe(true);
    expect(isSameAddress("::ffff:c000:201", "192.0.2.1")).toBe(true);
    expect(isSameAddress("2001:db8::1", "2001:DB8:0:0:0:0:0:1")).toBe(true);
    expect(isSameAddress("2001:db8::1", "2001:db8::2")).toBe(false);
    expect(isSameAddress("192.0.2.1", "192.0.2.2")).toBe(false);
  });
});
