import { describe, expect, it } from "vitest";
import { hostNamesOf, joinDeployment } from "#contract";
import { findingsOf } from "../../support/findings.ts";

const one = "ftpsite01.com";
const two = "ftpsite02.com";

describe("host names of a site", () => {
  it("are its own name on every channel without bindings", () => {
    const site = { name: "FtpSite01.com", bindings: [] };
    expect(hostNamesOf(site, "control")).toEqual([one]);
    expect(hostNamesOf(site, "implicitTls")).toEqual([one]);
  });

  it("are its own name and those of the channel's bindings", () => {
    const site = {
      name: one,
      bindings: [
        { channel: "control" as const, hostName: "Files.Example." },
        { channel: "control" as const, hostName: "" },
      ],
    };
    expect(hostNamesOf(site, "control")).toEqual([one, "files.example", ""]);
    expect(hostNamesOf(site, "implicitTls")).toEqual([]);
  });
});

describe("bindings that do not hold", () => {
  it("are two claims to one host name on one channel", () => {
    const sites = [{ name: one }, { name: two, bindings: [{ hostName: "FTPSITE01.com" }] }];
    expect(findingsOf({ implicitTlsPort: 0, sites })).toEqual([
      {
        setting: `sites (${two}).bindings`,
        value: one,
        problem: `is claimed by site ${one} too, on the channel control`,
        fix: "give each site host names of its own",
      },
    ]);
  });

  it("are two sites for clients that name none, but not on different channels", () => {
    const blank = (name: string, channel: "control" | "implicitTls") => ({
      name,
      bindings: [{ channel }],
    });
    expect(findingsOf({ sites: [blank(one, "control"), blank(two, "implicitTls")] })).toEqual([]);
    expect(
      findingsOf({ implicitTlsPort: 0, sites: [blank(one, "control"), blank(two, "control")] }),
    ).toMatchObject([{ setting: `sites (${two}).bindings`, value: '""' }]);
  });

  it("are bindings of a channel that is off", () => {
    const sites = [{ name: one }, { name: two, bindings: [{ channel: "implicitTls" as const }] }];
    expect(findingsOf({ sites })).toEqual([]);
    expect(findingsOf({ implicitTlsPort: 0, sites })).toMatchObject([
      {
        setting: `sites (${two}).bindings`,
        value: "implicitTls",
        fix: expect.stringContaining("implicitTlsPort") as unknown,
      },
    ]);
  });

  it("are channels that are open and lead nowhere", () => {
    const onlyControl = [{ name: one, bindings: [{ channel: "control" as const }] }];
    const onlyImplicit = [{ name: one, bindings: [{ channel: "implicitTls" as const }] }];
    expect(findingsOf({ sites: onlyControl })).toMatchObject([
      { problem: "leave the channel implicitTls without a site" },
    ]);
    expect(findingsOf({ implicitTlsPort: 0, sites: onlyControl })).toEqual([]);
    expect(findingsOf({ sites: onlyImplicit })).toMatchObject([
      { problem: "leave the channel control without a site" },
    ]);
  });

  it("are accounts of sites that do not exist", () => {
    const accounts = [{ name: "user1", anonymous: true, sites: ["ftpsite1.com"] }];
    expect(findingsOf({ sites: [{ name: one }], accounts })).toEqual([
      {
        setting: "accounts (user1).sites",
        value: "ftpsite1.com",
        problem: "is not the name of a site",
        fix: `known are: ${one}`,
      },
    ]);
  });

  it("are external addresses that clients on the internet cannot reach", () => {
    const sites = [{ name: one, externalAddress: "10.0.0.4" }];
    expect(findingsOf({ sites })).toMatchObject([
      { setting: `sites (${one}).externalAddress`, value: "10.0.0.4" },
    ]);
    expect(findingsOf({ sites, allowPrivateExternalAddress: true })).toEqual([]);
  });

  it("are refused by the server too", () => {
    const settings = {
      listen: { controlPort: 21 },
      passive: { ports: "50000-50099" },
      dataFolder: "data",
      sites: [{ name: one, bindings: [{ channel: "implicitTls" }] }],
    };
    expect(() => joinDeployment(settings, undefined)).toThrow(/implicitTlsPort/);
  });
});
