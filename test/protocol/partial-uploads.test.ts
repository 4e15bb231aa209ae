/** What becomes of uploads that are under way or break off: `sites[].uploads`. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { startServer, type TestServer } from "../support/server.ts";
import { WireClient } from "../support/wire-client.ts";

type Uploads = NonNullable<NonNullable<ServerSettingsFile["sites"]>[number]["uploads"]>;

const start = (uploads: Uploads): Promise<TestServer> =>
  startServer({ settings: { sites: [{ name: "default", uploads }] } });

async function login(server: TestServer): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
}

/** Sends a part of a file and waits until the server has it; `meanwhile` runs, then ABOR. */
async function breakOff(
  client: WireClient,
  line: string,
  part: string,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const data = await client.openData();
  await client.expect(line, 150);
  data.write(part);
  const arrived = `${String(part.length)} bytes so far`;
  while (!(await client.expect("STAT", 211)).text.includes(arrived));
  await meanwhile();
  data.on("error", () => undefined);
  await client.expect("ABOR", 426);
  expect((await client.reply()).code).toBe(226);
  data.destroy();
}

describe("an upload that breaks off", () => {
  it("leaves nothing unless it is told to", async () => {
    await using server = await start({});
    await using client = await login(server);
    await breakOff(client, "STOR new.bin", "01234");
    expect(readdirSync(server.dataFolder)).toEqual([]);
  });

  it("leaves what came of a new file, to be resumed, and the former file as it was", async () => {
    await using server = await start({ keepPartial: true });
    writeFileSync(join(server.dataFolder, "old.bin"), "former");
    await using client = await login(server);
    await breakOff(client, "STOR new.bin", "01234", async () => {
      expect(existsSync(join(server.dataFolder, "new.bin"))).toBe(false);
      await Promise.resolve();
    });
    await breakOff(client, "STOR old.bin", "new content");
    expect(readFileSync(join(server.dataFolder, "old.bin"), "utf8")).toBe("former");
    expect((await client.expect("SIZE new.bin", 213)).text).toBe("213 5");
    await client.expect("REST 5", 350);
    expect(await client.upload("STOR new.bin", "56789")).toEqual([150, 226]);
    expect(readFileSync(join(server.dataFolder, "new.bin"), "utf8")).toBe("0123456789");
    expect(readdirSync(server.dataFolder).toSorted()).toEqual(["new.bin", "old.bin"]);
  });
});

describe("reading while uploading", () => {
  it("shows a new file as it grows, and takes it away when it breaks off", async () => {
    await using server = await start({ readWhileUploading: true });
    await using client = await login(server);
    await using reader = await login(server);
    const part = "0123456789".repeat(40_000);
    await breakOff(client, "STOR new.bin", part, async () => {
      // Bytes are written by whole buffers, the last of them with the end of the upload.
      const { data } = await reader.download("RETR new.bin");
      expect(data.length).toBeGreaterThan(0);
      expect(part.startsWith(data)).toBe(true);
      expect((await reader.download("NLST")).data).toBe("new.bin\r\n");
      expect(await reader.code("DELE new.bin")).toBe(450);
      await reader.expect("RNFR new.bin", 350);
      expect(await reader.code("RNTO other.bin")).toBe(450);
    });
    expect(readdirSync(server.dataFolder)).toEqual([]);
    expect(await client.upload("STOR new.bin", "whole")).toEqual([150, 226]);
    expect(readFileSync(join(server.dataFolder, "new.bin"), "utf8")).toBe("whole");
  });
});
