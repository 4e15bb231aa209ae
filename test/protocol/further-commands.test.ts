/** Commands beyond RFC 959 and RFC 3659, each in good state and in bad. */
import { mkdir, stat, statfs, symlink, writeFile } from "node:fs/promises";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WireClient } from "../support/wire-client.ts";
import { client, dataPath, server, useLoggedInClient } from "./logged-in-client.ts";

useLoggedInClient({
  tls: true,
  accounts: { alice: "secret", reader: "r", blind: "b" },
  permissions: { reader: ["read"], blind: ["create"] },
});

const as = async (user: string, password: string): Promise<WireClient> => {
  const other = await WireClient.open(server.host, server.controlPort);
  await other.login(user, password);
  return other;
};

describe("MFF", () => {
  beforeEach(() => writeFile(dataPath("m.bin"), "x"));

  it("changes the time, the mode, and both", async () => {
    expect((await client.expect("MFF modify=20240229120000; m.bin", 213)).text).toBe(
      "213 Modify=20240229120000; /m.bin",
    );
    expect((await stat(dataPath("m.bin"))).mtimeMs).toBe(Date.UTC(2024, 1, 29, 12));
    expect((await client.expect("MFF Modify=20210101000000;UNIX.mode=600; m.bin", 213)).text).toBe(
      "213 Modify=20210101000000;UNIX.mode=0600; /m.bin",
    );
    const facts = await stat(dataPath("m.bin"));
    expect([facts.mtimeMs, facts.mode & 0o777]).toEqual([Date.UTC(2021, 0, 1), 0o600]);
  });

  it("changes nothing when one of the facts is wrong", async () => {
    await client.expect("MFF Modify=20240229120000; m.bin", 213);
    expect(await client.code("MFF Modify=20210101000000;Size=5; m.bin")).toBe(504);
    expect(await client.code("MFF Modify=20210101000000;UNIX.mode=4755; m.bin")).toBe(501);
    expect(await client.code("MFF Modify=20230229000000; m.bin")).toBe(501);
    expect(await client.code("MFF Modify=20210101000000; nowhere")).toBe(550);
    expect(await client.code("MFF Modify=20210101000000;")).toBe(501);
    expect((await stat(dataPath("m.bin"))).mtimeMs).toBe(Date.UTC(2024, 1, 29, 12));
  });

  it("needs the right to overwrite", async () => {
    await using reader = await as("reader", "r");
    expect(await reader.code("MFF Modify=20210101000000; m.bin")).toBe(550);
  });
});

describe("AVBL and DSIZ", () => {
  beforeAll(async () => {
    await mkdir(dataPath("tree/a/b"), { recursive: true });
    await mkdir(dataPath("tree/empty"));
    await writeFile(dataPath("tree/one"), "1");
    await writeFile(dataPath("tree/a/ten"), "0123456789");
    await writeFile(dataPath("tree/a/b/hundred"), "x".repeat(100));
    await symlink(dataPath("tree/a"), dataPath("tree/a/b/again"));
  });

  it("tells the free space as the disk does, give or take what others write", async () => {
    const facts = await statfs(server.dataFolder);
    const { text } = await client.expect("AVBL", 213);
    const free = Number(/^213 (\d+)$/.exec(text)?.[1]);
    expect(Math.abs(free / (facts.bavail * facts.bsize) - 1)).toBeLessThan(0.2);
    await client.expect("AVBL tree", 213);
    expect(await client.code("AVBL tree/one")).toBe(550);
    expect(await client.code("AVBL nowhere")).toBe(550);
  });

  it("adds up what lies below a folder, links in circles included", async () => {
    expect((await client.expect("DSIZ tree", 213)).text).toBe("213 111");
    await client.expect("CWD tree/a", 250);
    expect((await client.expect("DSIZ", 213)).text).toBe("213 110");
    expect((await client.expect("DSIZ ../empty", 213)).text).toBe("213 0");
    expect(await client.code("DSIZ ten")).toBe(550);
    expect(await client.code("DSIZ nowhere")).toBe(550);
  });

  it("say nothing to those who may not list", async () => {
    await using blind = await as("blind", "b");
    expect(await blind.code("AVBL")).toBe(550);
    expect(await blind.code("DSIZ")).toBe(550);
  });
});

describe("what both sides tell of themselves", () => {
  it("is answered before a login too, and keeps a restart offset", async () => {
    await using stranger = await WireClient.open(server.host, server.controlPort);
    await stranger.reply();
    expect((await stranger.expect("CSID Name=tests; Version=1;", 200)).text).toMatch(
      /^200 Name=Gangway; .*DirSep=\/;$/,
    );
    await stranger.expect("LANG EN", 200);
    await writeFile(dataPath("o.bin"), "0123456789");
    await client.expect("REST 8", 350);
    await client.expect("CLNT tests", 200);
    expect((await client.download("RETR o.bin")).data).toBe("89");
  });
});

describe("SITE", () => {
  it("has UTIME in both of its forms, and refuses impossible times", async () => {
    await writeFile(dataPath("with space 1.bin"), "x");
    const modified = async (): Promise<number> =>
      (await stat(dataPath("with space 1.bin"))).mtimeMs;
    await client.expect("SITE UTIME 20240229120001 with space 1.bin", 200);
    expect(await modified()).toBe(Date.UTC(2024, 1, 29, 12, 0, 1));
    const times = "20200101000000 20210203040506 20200101000000";
    await client.expect(`SITE UTIME with space 1.bin ${times} UTC`, 200);
    expect(await modified()).toBe(Date.UTC(2021, 1, 3, 4, 5, 6));
    expect(await client.code("SITE UTIME 20230229120000 with space 1.bin")).toBe(501);
    expect(await client.code("SITE UTIME with space 1.bin")).toBe(501);
    expect(await client.code("SITE UTIME 20240229120000 nowhere")).toBe(550);
    expect(await modified()).toBe(Date.UTC(2021, 1, 3, 4, 5, 6));
  });

  it("names its commands in HELP", async () => {
    const { text } = await client.expect("SITE HELP", 214);
    for (const command of ["SITE CHMOD", "SITE UTIME", "SITE HELP"])
      expect(text).toContain(command);
    expect(text).not.toContain("\r\n SITE <");
    expect((await client.expect("SITE HELP chmod", 214)).text).toBe(
      "214 Syntax: SITE CHMOD <octal mode> <path>",
    );
    expect(await client.code("SITE HELP x")).toBe(502);
  });
});
