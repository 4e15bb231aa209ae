/** Upload sizes, quotas and homes on the wire. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { ServerSettingsFile } from "#contract";
import { hashPassword } from "../../server/auth/password-hash.ts";
import { LocalDisk } from "../../server/storage/local-disk.ts";
import { startInProcess, type InProcessServer } from "../support/in-process-server.ts";
import { WireClient } from "../support/wire-client.ts";

const passwordHash = await hashPassword("secret", { logCost: 4, blockSize: 8, parallelism: 1 });

type Account = NonNullable<ServerSettingsFile["accounts"]>[number];

function start(limits: Account["limits"], site: object = {}): Promise<InProcessServer> {
  return startInProcess({
    openStorage: (folder) => LocalDisk.open(folder),
    settings: {
      accounts: [
        { name: "alice", passwordHash, home: "/home/alice", ...(limits && { limits }) },
        { name: "root", passwordHash },
      ],
      sites: [{ name: "default", ...site }],
    },
  });
}

async function login(server: InProcessServer, user = "alice"): Promise<WireClient> {
  const client = await WireClient.open(server.host, server.controlPort);
  await client.login(user);
  return client;
}

const bytes = (count: number): Buffer => Buffer.alloc(count, "x");

describe("the largest upload", () => {
  it("is held to during the transfer, and what was over it leaves nothing", async () => {
    await using server = await start({ uploadBytes: 1000 });
    await using client = await login(server);
    expect(await client.upload("STOR fits", bytes(1000))).toEqual([150, 226]);
    expect(await client.upload("STOR over", bytes(1001))).toEqual([150, 552]);
    expect(await client.upload("STOR fits", bytes(300_000))).toEqual([150, 552]);
    const home = join(server.dataFolder, "home/alice");
    expect(readdirSync(home)).toEqual(["fits"]);
    expect(readFileSync(join(home, "fits")).length).toBe(1000);
    const failed = server.records.filter(
      ({ event, result }) => event === "transfer" && result === "storage",
    );
    expect(failed.map(({ reason }) => reason)).toEqual([
      "limits.uploadBytes of account alice is 1000",
      "limits.uploadBytes of account alice is 1000",
    ]);
  });

  it("counts what is written, not what comes over the wire", async () => {
    await using server = await start(undefined, { limits: { uploadBytes: 1000 } });
    await using client = await login(server);
    await client.expect("MODE Z", 200);
    expect(await client.upload("STOR small", deflateSync(bytes(1000)))).toEqual([150, 226]);
    expect(await client.upload("STOR large", deflateSync(bytes(100_000)))).toEqual([150, 552]);
    await client.expect("MODE S", 200);
    await client.expect("TYPE A", 200);
    // 1500 bytes on the wire are 1000 in the file.
    expect(await client.upload("STOR lines", "x\r\n".repeat(500))).toEqual([150, 226]);
    expect(await client.upload("STOR more", "x\r\n".repeat(501))).toEqual([150, 552]);
    expect(readdirSync(join(server.dataFolder, "home/alice")).toSorted()).toEqual([
      "lines",
      "small",
    ]);
  });

  it("refuses at once what is known to be too large, and gives back what an append had stored", async () => {
    await using server = await start({ uploadBytes: 1000 });
    await using client = await login(server);
    expect(await client.code("ALLO 1001")).toBe(552);
    expect(await client.code("ALLO 1000")).toBe(200);
    expect(await client.upload("STOR a", bytes(900))).toEqual([150, 226]);
    expect(await client.upload("APPE a", bytes(101))).toEqual([150, 552]);
    await client.expect("SIZE a", 213).then(({ text }) => expect(text).toBe("213 900"));
    expect(await client.upload("APPE a", bytes(100))).toEqual([150, 226]);
    expect(await client.upload("APPE a", bytes(1))).toEqual([552]);
    await client.expect("REST 1000", 350);
    expect(await client.upload("STOR a", bytes(1))).toEqual([552]);
    expect((await client.command("SIZE a")).text).toBe("213 1000");
  });
});

describe("the quota", () => {
  it("counts what the home holds, whoever stored it, and goes on counting", async () => {
    await using server = await start({ storageBytes: 1000 });
    const home = join(server.dataFolder, "home/alice");
    mkdirSync(join(home, "deep/er"), { recursive: true });
    writeFileSync(join(home, "deep/er/old"), bytes(400));
    await using client = await login(server);
    await using root = await login(server, "root");
    expect((await client.command("AVBL")).text).toBe("213 600");
    expect(await client.upload("STOR a", bytes(601))).toEqual([150, 552]);
    expect(await client.upload("STOR a", bytes(600))).toEqual([150, 226]);
    expect((await client.command("AVBL")).text).toBe("213 0");
    expect(await client.upload("STOR b", bytes(1))).toEqual([552]);
    // What is written over was counted already.
    expect(await client.upload("STOR a", bytes(600))).toEqual([150, 226]);
    expect(await client.upload("STOR a", bytes(601))).toEqual([150, 552]);
    expect(await client.upload("STOR a", bytes(100))).toEqual([150, 226]);
    expect((await client.command("AVBL")).text).toBe("213 500");
    expect(await client.code("DELE deep/er/old")).toBe(250);
    expect((await client.command("AVBL")).text).toBe("213 900");
    // Another account stores in the same folder.
    expect(await root.upload("STOR home/alice/gift", bytes(850))).toEqual([150, 226]);
    expect((await client.command("AVBL")).text).toBe("213 50");
    expect(await client.upload("APPE a", bytes(51))).toEqual([150, 552]);
    expect(await client.upload("APPE a", bytes(50))).toEqual([150, 226]);
    await root.expect("RNFR home/alice/gift", 350);
    await root.expect("RNTO gift", 250);
    expect((await client.command("SITE QUOTA")).text).toBe(
      "200-Quota of alice\r\n Stored: 150 of 1000 bytes.\r\n Left: 850 bytes.\r\n200 End of quota",
    );
    expect(
      server.records.find(({ reason }) => String(reason).includes("storageBytes"))?.reason,
    ).toBe("limits.storageBytes of account alice is 1000, and its home holds 400 bytes");
  });

  it("does not hold in virtual directories, and SITE QUOTA says when there is none", async () => {
    await using server = await start(
      { storageBytes: 10 },
      { virtualDirectories: [{ path: "/home/alice/pub", folder: "shared" }] },
    );
    await using client = await login(server);
    await using root = await login(server, "root");
    expect(await client.upload("STOR pub/large", bytes(1000))).toEqual([150, 226]);
    expect(await client.upload("STOR large", bytes(1000))).toEqual([150, 552]);
    expect(await root.code("SITE QUOTA")).toBe(200);
    expect(await root.upload("STOR large", bytes(1000))).toEqual([150, 226]);
  });
});

describe("a confined account", () => {
  it("reaches nothing outside through a link that it moved", async () => {
    await using server = await start(undefined);
    const home = join(server.dataFolder, "home/alice");
    mkdirSync(join(home, "deep"), { recursive: true });
    writeFileSync(join(server.dataFolder, "home/secret"), "secret");
    writeFileSync(join(home, "secret"), "own");
    symlinkSync("../secret", join(home, "deep/link"));
    await using client = await login(server);
    expect(await client.download("RETR deep/link")).toMatchObject({
      data: "own",
      codes: [150, 226],
    });
    await client.expect("RNFR deep/link", 350);
    await client.expect("RNTO link", 250);
    expect(await client.download("RETR link")).toMatchObject({ codes: [550] });
    expect(await client.upload("STOR link", "mine")).toEqual([550]);
    expect(await client.upload("APPE link", "mine")).toEqual([550]);
    expect(readFileSync(join(server.dataFolder, "home/secret"), "utf8")).toBe("secret");
    const { data } = await client.download("NLST");
    expect(data.split("\r\n").toSorted()).toEqual(["", "deep", "secret"]);
  });
});

describe("an upload that never begins", () => {
  it("changes nothing", async () => {
    await using server = await start(undefined);
    await using client = await login(server, "root");
    await client.upload("STOR a", "abcdef");
    // The data connection never opens: ABOR ends the wait for it.
    for (const line of ["STOR a", "APPE a", "APPE b"]) {
      if (line.startsWith("STOR")) {
        await client.expect("EPSV", 229);
        await client.expect("REST 3", 350);
      } else await client.expect("EPSV", 229);
      client.send(`${line}\r\nABOR\r\n`);
      for (let code = 0; code !== 226 && code !== 225;) code = (await client.reply()).code;
      expect((await client.command("SIZE a")).text).toBe("213 6");
      expect(await client.code("SIZE b")).toBe(550);
    }
    // It opens and brings nothing.
    await client.expect("REST 3", 350);
    expect(await client.upload("STOR a", "")).toEqual([150, 226]);
    expect((await client.command("SIZE a")).text).toBe("213 6");
    await client.expect("REST 3", 350);
    expect(await client.upload("STOR a", "X")).toEqual([150, 226]);
    expect(readFileSync(join(server.dataFolder, "a"), "utf8")).toBe("abcX");
  });
});
