import type { Binding, Channel } from "#contract";
import { describe, expect, it } from "vitest";
import {
  chooseByHost,
  chooseByServerName,
  chooseByUserName,
  fallbackSite,
  NO_CHOICE,
  siteOfChoice,
  type SelectableSite,
  type SiteChoice,
} from "../../../server/session/site-selection.ts";

const site = (name: string, ...bindings: Binding[]): SelectableSite => ({
  name,
  settings: { name, bindings },
});
const bound = (channel: Channel, hostName = ""): Binding => ({ channel, hostName });
const fixed = (siteName: string): SiteChoice => ({ kind: "fixed", siteName });

const one = site("ftpsite01.com");
const two = site("ftpsite02.com");
const both = [one, two] as const;

describe("the fallback of a channel", () => {
  it("is the site bound without host name", () => {
    const blank = site("ftpsite02.com", bound("control"));
    expect(fallbackSite([one, blank], "control")).toBe(blank);
    expect(fallbackSite([one, blank], "implicitTls")).toBe(one);
  });

  it("is otherwise the first site that is bound to the channel", () => {
    const onlyControl = site("ftpsite01.com", bound("control", "ftpsite01.com"));
    expect(fallbackSite([onlyControl, two], "control")).toBe(onlyControl);
    expect(fallbackSite([onlyControl, two], "implicitTls")).toBe(two);
  });
});

describe("the server name", () => {
  it("fixes the site that claims it, without case", () => {
    const choice = chooseByServerName(both, "control", "FTPsite02.com.", fixed(one.name));
    expect(choice).toEqual(fixed(two.name));
    expect(siteOfChoice(both, "control", choice)).toBe(two);
  });

  it("leaves things as they are when nobody claims it", () => {
    expect(chooseByServerName(both, "control", "elsewhere.example", NO_CHOICE)).toBe(NO_CHOICE);
    const chosen = fixed(two.name);
    expect(chooseByServerName(both, "control", undefined, chosen)).toBe(chosen);
  });

  it("does not lead to a site of another channel", () => {
    const sites = [one, site(two.name, bound("implicitTls"))] as const;
    expect(chooseByServerName(sites, "control", two.name, NO_CHOICE)).toBe(NO_CHOICE);
  });
});

describe("HOST", () => {
  it("chooses, and knows when it does not know", () => {
    expect(chooseByHost(both, "control", "FTPSITE02.COM", undefined)).toEqual({
      kind: "chosen",
      choice: fixed(two.name),
    });
    expect(chooseByHost(both, "control", "ftpsite03.com", undefined)).toEqual({ kind: "unknown" });
  });

  it("has to agree with the server name", () => {
    expect(chooseByHost(both, "control", two.name, "FTPSITE02.com").kind).toBe("chosen");
    expect(chooseByHost(both, "control", two.name, one.name).kind).toBe("disagrees");
    expect(chooseByHost(both, "control", two.name, "elsewhere.example").kind).toBe("disagrees");
  });
});

describe("a user name", () => {
  const choose = (text: string, choice = NO_CHOICE) =>
    chooseByUserName(both, "control", choice, text);

  it.each(["ftpsite02.com|user1", "FtpSite02.com\\user1"])("%s chooses the site", (text) => {
    expect(choose(text)).toEqual({ kind: "site", site: two, userName: "user1" });
  });

  it("alone belongs to the fallback, or to the site that is fixed", () => {
    expect(choose("user1")).toEqual({ kind: "site", site: one, userName: "user1" });
    expect(choose("user1", fixed(two.name))).toEqual({
      kind: "site",
      site: two,
      userName: "user1",
    });
  });

  it("with a host that nobody has is a name as a whole", () => {
    expect(choose("CORP\\user1")).toEqual({ kind: "site", site: one, userName: "CORP\\user1" });
    expect(choose("|user1")).toEqual({ kind: "site", site: one, userName: "|user1" });
  });

  it("does not leave the site that is fixed", () => {
    expect(choose("ftpsite01.com|user1", fixed(two.name))).toEqual({
      kind: "elsewhere",
      wanted: one.name,
    });
    expect(choose("ftpsite02.com|user1", fixed(two.name))).toEqual({
      kind: "site",
      site: two,
      userName: "user1",
    });
  });
});
