/** What a site's administrator words: messages, folder messages, the form of listings. */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

type Site = NonNullable<ServerSettingsFile["sites"]>[number];

const start = (site: Partial<Site>): Promise<TestServer> =>
  startServer({ settings: { sites: [{ name: "files", ...site }] } });

async function login(server: TestServer): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
}

describe("messages", () => {
  it("greet, welcome and say goodbye in several lines, with variables", async () => {
    await using server = await start({
      messages: {
        banner: "Welcome to %SiteName%\n230 is no code here",
        welcome: "Hello %UserName%, 100 %%",
        exit: "%UserName% sent %BytesSent% and received %BytesReceived%",
      },
    });
    await using client = await WireClient.open(server.host, server.controlPort);
    expect((await client.reply()).text).toBe(
      "220-Welcome to files\r\n 230 is no code here\r\n220 Gangway ready.",
    );
    await client.expect("USER alice", 331);
    expect((await client.command("PASS secret")).text).toBe(
      "230-Hello alice, 100 %\r\n230 Logged in.",
    );
    await client.expect("TYPE I", 200);
    await client.upload("STOR a", "12345");
    await client.download("RETR a");
    await client.download("RETR a");
    expect((await client.command("QUIT")).text).toBe("221 alice sent 5 and received 10");
  });

  it("leave out the server's name when asked to", async () => {
    await using server = await start({ messages: { suppressDefaultBanner: true } });
    await using client = await WireClient.open(server.host, server.controlPort);
    expect((await client.reply()).text).not.toMatch(/gangway/iu);
  });

  it("of a folder show on entering it, cleaned and bounded", async () => {
    await using server = await start({ directoryMessageFile: ".message" });
    mkdirSync(join(server.dataFolder, "in"));
    mkdirSync(join(server.dataFolder, "big"));
    mkdirSync(join(server.dataFolder, "odd", ".message"), { recursive: true });
    writeFileSync(join(server.dataFolder, "in", ".message"), "one\r\n250 two\u001b[31m\n");
    writeFileSync(join(server.dataFolder, "big", ".message"), "x".repeat(1_000_000));
    await using client = await login(server);
    expect((await client.command("CWD in")).text).toBe(
      '250-one\r\n 250 two?[31m\r\n250 Current folder is "/in".',
    );
    expect((await client.expect("CWD /big", 250)).text.length).toBeLessThan(5000);
    expect((await client.command("CWD /odd")).text).toBe('250 Current folder is "/odd".');
    expect((await client.command("CDUP")).text).toBe('250 Current folder is "/".');
  });
});

describe("listings", () => {
  const modified = new Date("2023-10-02T23:21:00Z");

  async function startWith(listing: Site["listing"]): Promise<TestServer> {
    const server = await start({ listing });
    mkdirSync(join(server.dataFolder, "folder"));
    writeFileSync(join(server.dataFolder, "test.txt"), "x".repeat(16));
    writeFileSync(join(server.dataFolder, ".hidden"), "");
    for (const name of ["folder", "test.txt"]) {
      utimesSync(join(server.dataFolder, name), modified, modified);
    }
    return server;
  }

  it("look like those of MS-DOS, with two or four digits of the year", async () => {
    await using server = await startWith({ style: "dos" });
    await using client = await login(server);
    expect((await client.command("SYST")).text).toBe("215 Windows_NT");
    const { data } = await client.download("LIST");
    expect(data).toContain("10-02-23  11:21PM                   16 test.txt\r\n");
    expect(data).toContain("10-02-23  11:21PM       <DIR>          folder\r\n");
    await using four = await startWith({ style: "dos", fourDigitYears: true });
    await using other = await login(four);
    expect((await other.download("LIST")).data).toContain(
      "10-02-2023  11:21PM                   16 test.txt\r\n",
    );
  });

  it("end with the free bytes when asked to", async () => {
    await using server = await startWith({ freeBytes: true });
    await using client = await login(server);
    expect((await client.download("LIST")).data).toMatch(/\r\n +\d+ bytes free\r\n$/u);
    expect((await client.download("NLST")).data).not.toContain("bytes free");
    expect((await client.download("LIST test.txt")).data).not.toContain("bytes free");
  });

  it("hide dot names from those who do not ask with -a", async () => {
    await using server = await startWith({ hiddenFiles: false });
    await using client = await login(server);
    for (const command of ["LIST", "NLST", "MLSD", "LIST -l"]) {
      expect([command, (await client.download(command)).data]).toEqual([
        command,
        expect.not.stringContaining(".hidden"),
      ]);
    }
    expect((await client.command("STAT /")).text).not.toContain(".hidden");
    expect((await client.download("LIST -la")).data).toContain(".hidden");
    expect((await client.download("LIST .hidden")).data).toContain(".hidden");
    expect(await client.code("SIZE .hidden")).toBe(213);
    await using open = await startWith({});
    await using other = await login(open);
    expect((await other.download("LIST")).data).toContain(".hidden");
  });
});
