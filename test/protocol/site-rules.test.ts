/** Rules of sites on the wire: authorization, isolation, virtual directories. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { WireClient } from "../support/wire-client.ts";
import { login, start, type Site } from "./ruled-site.ts";

/** The rules of the first scenario of the IIS guide. */
const AUTHORIZATION: Site["authorization"] = [
  { effect: "allow", groups: ["FTPUsersA", "FTPUsersB"], permissions: ["read", "write"] },
  { effect: "allow", users: ["?"], permissions: ["read"] },
  { effect: "deny", path: "/test.txt", users: ["user3"], permissions: ["read", "write"] },
];

describe("authorization rules", () => {
  it("decide per user, group and file, and name the rule in the log", async () => {
    await using server = await start({ authorization: AUTHORIZATION }, [
      "test.txt",
      "computer.txt",
    ]);
    await using user1 = await login(server, "user1");
    await using user3 = await login(server, "user3");
    await using anonymous = await login(server, "anonymous");
    await user1.expect("TYPE I", 200);
    await user3.expect("TYPE I", 200);
    await anonymous.expect("TYPE I", 200);
    expect(await user1.code("SIZE test.txt")).toBe(213);
    expect(await user3.code("SIZE test.txt")).toBe(550);
    expect(await user3.code("DELE test.txt")).toBe(550);
    expect(await user3.code("SIZE computer.txt")).toBe(213);
    expect(await anonymous.code("SIZE test.txt")).toBe(213);
    expect(await anonymous.code("DELE test.txt")).toBe(550);
    expect(await anonymous.code("MKD new")).toBe(550);
    expect(await user1.code("MKD new")).toBe(257);
    expect(await user3.code("RNFR test.txt")).toBe(550);
    expect(await user3.code("RNFR computer.txt")).toBe(350);
    expect(await user3.code("RNTO test.txt")).toBe(550);
    expect(readdirSync(server.dataFolder).toSorted()).toEqual(["computer.txt", "new", "test.txt"]);
  });

  it("are not got around by a new name, of a file or of the folder around it", async () => {
    const authorization: Site["authorization"] = [
      { effect: "allow", users: ["*"] },
      { effect: "deny", path: "/drop", users: ["user3"], permissions: ["read"] },
      { effect: "deny", path: "/papers/secret.txt", users: ["user3"] },
    ];
    const files = ["drop/a.txt", "papers/secret.txt", "papers/open.txt"];
    await using server = await start({ authorization }, files);
    await using user3 = await login(server, "user3");
    for (const [from, to] of [
      ["drop/a.txt", "a.txt"],
      ["drop", "drop2"],
      ["papers", "papers2"],
    ]) {
      await user3.expect(`RNFR ${String(from)}`, 350);
      await user3.expect(`RNTO ${String(to)}`, 550);
    }
    await user3.expect("RNFR drop/a.txt", 350);
    await user3.expect("RNTO drop/b.txt", 250);
    await user3.expect("RNFR papers/open.txt", 350);
    await user3.expect("RNTO open.txt", 250);
    await using user1 = await login(server, "user1");
    await user1.expect("RNFR papers", 350);
    await user1.expect("RNTO papers2", 250);
    await user3.expect("QUIT", 221);
    await server.logged("sessionClosed");
    const reasons = server.records.map(({ reason }) => String(reason));
    expect(reasons.filter((reason) => reason.includes("authorization.2"))).toHaveLength(1);
  });

  it("to rename is no right to put something into a folder", async () => {
    const authorization: Site["authorization"] = [
      { effect: "allow", users: ["*"] },
      { effect: "deny", path: "/full", users: ["*"], permissions: ["create", "makeDirectory"] },
    ];
    await using server = await start({ authorization }, ["full/a.txt", "b.txt", "c/d.txt"]);
    await using client = await login(server, "user1");
    for (const name of ["b.txt", "c"]) {
      await client.expect(`RNFR ${name}`, 350);
      await client.expect(`RNTO full/${name}`, 550);
    }
    await client.expect("RNFR full/a.txt", 350);
    await client.expect("RNTO full/e.txt", 250);
  });

  it("say in MLST what may be done", async () => {
    await using server = await start({ authorization: AUTHORIZATION }, [
      "test.txt",
      "computer.txt",
    ]);
    await using user1 = await login(server, "user1");
    await using anonymous = await login(server, "anonymous");
    const permOf = async (client: WireClient): Promise<string | undefined> =>
      /perm=([a-z]*)/.exec((await client.expect("MLST computer.txt", 250)).text)?.[1];
    expect(new Set(await permOf(user1))).toEqual(new Set("adfrw"));
    expect(await permOf(anonymous)).toBe("r");
  });

  it("say in MLSD of every entry what MLST says of it", async () => {
    const authorization: Site["authorization"] = [
      { effect: "allow", users: ["*"] },
      { effect: "deny", path: "/in/locked", users: ["user3"], permissions: ["write"] },
      { effect: "deny", path: "/in/mount", users: ["user3"], permissions: ["delete"] },
      { effect: "deny", path: "/in/folder/deep", users: ["user3"] },
      { effect: "deny", path: "/in/toString", users: ["*"], permissions: ["read"] },
    ];
    const site = { authorization, virtualDirectories: [{ path: "/in/mount", folder: "other" }] };
    const files = ["in/locked", "in/open", "in/toString", "in/folder/deep/a", "other/b"];
    await using server = await start(site, files);
    await using client = await login(server, "user3");
    const factsIn = async (folder: string): Promise<string[]> =>
      (await client.download(`MLSD ${folder}`)).data.trimEnd().split("\r\n");
    const listed = [...(await factsIn("/in")), ...(await factsIn("/in/folder"))];
    const perms = listed.map((line) => /perm=(\w*);.* (.+)$/u.exec(line)?.slice(1));
    expect(perms.toSorted()).toEqual([
      ["adfrw", "open"],
      ["adfw", "toString"],
      ["cdeflmp", "folder"],
      ["ceflm", "mount"],
      ["e", "deep"],
      ["r", "locked"],
    ]);
    for (const line of listed) {
      const [facts, name = ""] = line.split("; ");
      const path = name === "deep" ? "/in/folder/deep" : `/in/${name}`;
      if (name === "deep") await client.expect(`MLST ${path}`, 550);
      else
        expect((await client.expect(`MLST ${path}`, 250)).text).toContain(
          ` ${String(facts)}; ${path}\r\n`,
        );
    }
  });
});

describe("user isolation", () => {
  it("keeps each account in its own folder", async () => {
    await using server = await start({ userIsolation: { mode: "userName" } }, [
      "LocalUser/user1/one.txt",
      "LocalUser/Public/anonymous.txt",
      "test.txt",
    ]);
    await using user1 = await login(server, "user1");
    await using user3 = await login(server, "user3");
    await using anonymous = await login(server, "anonymous");
    expect((await user1.expect("STAT /", 212)).text).toContain("one.txt");
    expect((await anonymous.expect("STAT /", 212)).text).toContain("anonymous.txt");
    expect((await user3.expect("STAT /", 212)).text).not.toContain(".txt");
    expect(await user1.code("CWD ..")).toBe(250);
    expect(await user1.code("CWD /LocalUser")).toBe(550);
    expect(await user1.code("SIZE ../user3/x")).toBe(550);
  });

  it("says in MLSD what may be done with a virtual directory by its own path", async () => {
    await using server = await start(
      {
        userIsolation: { mode: "userName", globalVirtualDirectories: true },
        virtualDirectories: [{ path: "/shared", folder: "elsewhere" }],
        authorization: [
          { effect: "allow", users: ["*"] },
          { effect: "deny", path: "/shared", users: ["*"], permissions: ["delete", "rename"] },
        ],
      },
      ["LocalUser/user1/own/a", "elsewhere/b"],
    );
    await using user1 = await login(server, "user1");
    const { data } = await user1.download("MLSD /");
    expect(/perm=(\w*);.* own\r\n/.exec(data)?.[1]).toBe("cdeflmp");
    expect(/perm=(\w*);.* shared\r\n/.exec(data)?.[1]).toBe("celm");
    expect((await user1.expect("MLST /shared", 250)).text).toContain("perm=celm;");
  });

  it("knows the accounts of a domain by both names, and of that domain only", async () => {
    await using server = await start({ userIsolation: { mode: "userName" } }, ["CORP/user5/five"]);
    for (const name of ["user5", String.raw`CORP\user5`, String.raw`corp\user5`]) {
      await using client = await login(server, name);
      expect((await client.expect("STAT /", 212)).text).toContain("five");
    }
    for (const name of [String.raw`OTHER\user5`, String.raw`CORP\user1`]) {
      await using client = await WireClient.open(server.host, server.controlPort);
      await client.reply();
      await client.expect(`USER ${name}`, 331);
      expect(await client.code("PASS secret")).toBe(530);
    }
  });

  it("refuses who has no folder when homes are not made", async () => {
    await using server = await start(
      { userIsolation: { mode: "userName", missingHome: "refuse" } },
      ["LocalUser/user1/one.txt"],
    );
    await using user1 = await login(server, "user1");
    expect(await user1.code("PWD")).toBe(257);
    await using user3 = await WireClient.open(server.host, server.controlPort);
    await user3.reply();
    await user3.expect("USER user3", 331);
    expect(await user3.code("PASS secret")).toBe(530);
    expect(readdirSync(join(server.dataFolder, "LocalUser"))).toEqual(["user1"]);
  });

  it("starts in the user's folder without confining", async () => {
    await using server = await start({ userIsolation: { mode: "startInUserFolder" } }, [
      "user1/one.txt",
      "test.txt",
    ]);
    await using user1 = await login(server, "user1");
    expect((await user1.expect("PWD", 257)).text).toContain('"/user1"');
    expect(await user1.code("CWD /")).toBe(250);
  });
});

describe("virtual directories", () => {
  it("appear at their path, lead elsewhere and stay", async () => {
    await using server = await start(
      {
        root: "site",
        virtualDirectories: [
          { path: "/shared", folder: "elsewhere" },
          { path: "/secret", folder: "hidden", hidden: true },
        ],
      },
      ["site/a.txt", "site/shared/covered.txt", "elsewhere/b.txt", "hidden/c.txt"],
    );
    await using client = await login(server, "user1");
    await client.expect("TYPE I", 200);
    const { text } = await client.expect("STAT /", 212);
    expect(text).toMatch(/^ d.* shared\r?$/m);
    expect(text).not.toContain("secret");
    expect(await client.code("SIZE /shared/b.txt")).toBe(213);
    expect(await client.code("SIZE /shared/covered.txt")).toBe(550);
    expect(await client.code("SIZE /secret/c.txt")).toBe(213);
    expect(await client.code("CWD shared")).toBe(250);
    expect(await client.code("CWD ..")).toBe(250);
    expect(await client.code("RMD shared")).toBe(550);
    expect(await client.code("RNFR a.txt")).toBe(350);
    expect(await client.code("RNTO shared/a.txt")).toBe(550);
    expect(readdirSync(join(server.dataFolder, "site")).toSorted()).toEqual(["a.txt", "shared"]);
  });
});
