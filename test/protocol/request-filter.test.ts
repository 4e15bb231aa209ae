/** The request filter on the wire: segments, commands, extensions. */
import { describe, expect, it } from "vitest";
import { login, start } from "./ruled-site.ts";

describe("the request filter", () => {
  it("hides segments from listings and from every verb", async () => {
    await using server = await start({ requestFiltering: { hiddenSegments: ["_private"] } }, [
      "_private/private.txt",
      "open.txt",
    ]);
    await using client = await login(server, "user1");
    for (const command of [
      "CWD _private",
      "CWD /_PRIVATE",
      "SIZE _private/private.txt",
      "MLST _private",
      "RNFR _private",
      "MKD _private/x",
      "DELE _private/private.txt",
    ]) {
      expect([command, await client.code(command)]).toEqual([command, 550]);
    }
    const { text } = await client.expect("STAT /", 212);
    expect(text).toContain("open.txt");
    expect(text).not.toContain("_private");
  });

  it("refuses commands and extensions", async () => {
    await using server = await start(
      {
        requestFiltering: {
          commands: { mode: "deny", names: ["SITE", "DELE"] },
          fileExtensions: { mode: "deny", extensions: [".exe"] },
        },
      },
      ["a.exe", "a.txt"],
    );
    await using client = await login(server, "user1");
    await client.expect("TYPE I", 200);
    expect(await client.code("DELE a.txt")).toBe(502);
    expect(await client.code("SITE CHMOD 600 a.txt")).toBe(502);
    expect(await client.code("SIZE a.exe")).toBe(550);
    expect(await client.code("SIZE a.txt")).toBe(213);
    expect(await client.code("RNFR a.txt")).toBe(350);
    expect(await client.code("RNTO b.EXE")).toBe(550);
  });

  it("leaves denied commands out of FEAT, HELP and SITE HELP", async () => {
    const names = ["MLST", "XCRC", "OPTS UTF8", "SITE CHMOD"];
    await using server = await start(
      { requestFiltering: { commands: { mode: "deny", names } } },
      [],
    );
    await using client = await login(server, "user1");
    const { text } = await client.expect("FEAT", 211);
    expect(text).toContain(" XMD5");
    expect(text).not.toMatch(/MLST|XCRC|UTF8/u);
    const help = (await client.expect("HELP", 214)).text;
    expect(help).toContain(" MLSD ");
    expect(help).not.toMatch(/MLST|XCRC/u);
    const site = (await client.expect("SITE HELP", 214)).text;
    expect(site).toContain("SITE UTIME");
    expect(site).not.toContain("CHMOD");
  });

  it.each([
    { mode: "allow" as const, extensions: [".txt"] },
    { mode: "deny" as const, extensions: [".d", "."] },
  ])("filters no folder by extension: $mode", async (fileExtensions) => {
    await using server = await start({ requestFiltering: { fileExtensions } }, [
      "conf.d/a.txt",
      "plain/a.txt",
      "file.d",
    ]);
    await using client = await login(server, "user1");
    for (const folder of ["conf.d", "plain"]) {
      expect(await client.code(`CWD ${folder}`)).toBe(250);
      expect(await client.code("MLST a.txt")).toBe(250);
      expect(await client.code("ALLO 1")).toBe(200);
      expect(await client.code("CDUP")).toBe(250);
      expect(await client.code(`STAT ${folder}`)).toBe(212);
      expect(await client.code(`MFMT 20240131120000 ${folder}`)).toBe(213);
      expect(await client.code(`RNFR ${folder}`)).toBe(350);
      expect(await client.code(`RNTO ${folder}.d`)).toBe(250);
      expect(await client.code(`RMD ${folder}.d`)).toBe(550);
      expect(await client.code(`DELE ${folder}.d/a.txt`)).toBe(250);
      expect(await client.code(`RMD ${folder}.d`)).toBe(250);
    }
    for (const line of ["MLST file.d", "RNFR file.d", "MLST missing.d", "CWD file.d"]) {
      expect(await client.code(line)).toBe(550);
    }
  });
});
