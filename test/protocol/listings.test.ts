/** Folders that cannot be listed, and listings that nobody fetches. */
import { readdirSync, readlinkSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { StorageError, type StorageAdapter } from "../../server/storage/storage.ts";
import { startInProcess, type InProcessServer } from "../support/in-process-server.ts";
import { WireClient } from "../support/wire-client.ts";

const openStorage = (folder: string): Promise<StorageAdapter> => LocalDisk.open(folder);

const open = async (server: InProcessServer): Promise<WireClient> => {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login();
  return client;
};

describe("a folder that cannot be read", () => {
  it.each(["LIST d", "NLST d", "NLST d/*", "MLSD d", "STAT d"])(
    "is refused before a data connection: %s",
    async (line) => {
      const unreadable = async (folder: string) => {
        const disk: StorageAdapter = await LocalDisk.open(folder);
        return new Proxy(disk, {
          get: (target, name) => {
            if (name === "list") {
              return async function* () {
                await Promise.resolve();
                throw new StorageError("denied");
                yield [];
              };
            }
            const member: unknown = Reflect.get(target, name);
            return typeof member === "function" ? member.bind(target) : member;
          },
        });
      };
      await using server = await startInProcess({ openStorage: unreadable });
      await using client = await open(server);
      await client.expect("MKD d", 257);
      await client.expect("EPSV", 229);
      expect(await client.code(line)).toBe(550);
    },
  );

  it.skipIf(process.platform !== "linux")(
    "is closed again when nobody fetches its listing",
    async () => {
      await using server = await startInProcess({ openStorage });
      for (let number = 0; number < 600; number++) {
        writeFileSync(join(server.dataFolder, String(number)), "");
      }
      const folders = (): number =>
        readdirSync("/proc/self/fd").filter((descriptor) => {
          try {
            return readlinkSync(`/proc/self/fd/${descriptor}`) === realpathSync(server.dataFolder);
          } catch {
            return false;
          }
        }).length;
      await using client = await open(server);
      await client.expect("EPSV", 229);
      client.send("LIST\r\nABOR\r\n");
      for (let code = 0; code !== 226 && code !== 225;) code = (await client.reply()).code;
      expect(folders()).toBe(0);
    },
  );
});

describe("a large listing", () => {
  it.each(["MODE S", "MODE Z"])("arrives whole at a client that reads slowly: %s", async (mode) => {
    await using server = await startInProcess({ openStorage });
    const names = Array.from(
      { length: 6000 },
      (_, number) => `${"n".repeat(200)}${String(number)}`,
    );
    for (const name of names) writeFileSync(join(server.dataFolder, name), "");
    await using client = await open(server);
    await client.expect(mode, 200);
    const data = await client.openData();
    await client.expect("NLST", 150);
    const chunks: Buffer[] = [];
    for await (const chunk of data) {
      chunks.push(chunk as Buffer);
      // Leaves the server with chunks that the kernel does not take at once.
      await nextTurn();
    }
    expect((await client.reply()).code).toBe(226);
    const wire = Buffer.concat(chunks);
    const text = (mode === "MODE Z" ? inflateSync(wire) : wire).toString("utf8");
    expect(text.split("\r\n").toSorted()).toEqual(["", ...names].toSorted());
  });
});
